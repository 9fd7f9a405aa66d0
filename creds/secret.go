// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

// Secret is text that must not be printed: it shows as "[secret]" in every
// format, log and encoding. Reveal it only where it is sent.
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.text == "" }

// String hides the text.
func (s Secret) String() string { return "[secret]" }

// GoString hides the text.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the text in JSON, YAML and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text from configuration.
func (s *Secret) UnmarshalText(text []byte) error {
	s.text = string(text)
	return nil
}
