// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// Secret is text that must not be printed: it shows as "[secret]" in every
// format, log and encoding. Reveal it only where it is sent. The zero Secret
// holds no text.
//
// The text is behind a pointer because fmt does not call the methods of a
// value in an unexported field: it prints what the field holds, and that must
// be an address only.
type Secret struct{ text *string }

const hidden = "[secret]"

// NewSecret wraps text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal compares the texts, in a time that does not tell where they differ.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String hides the text.
func (s Secret) String() string { return hidden }

// GoString hides the text.
func (s Secret) GoString() string { return hidden }

// Format hides the text for every verb, also those that pass String by.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText hides the text in JSON, YAML and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText takes the text from configuration.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
