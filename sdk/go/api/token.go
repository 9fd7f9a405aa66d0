// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"io"
	"strings"
)

// Token is an Arvados token. It shows as "[secret]" in every format, log and
// encoding. The zero Token is none.
//
// The text is behind a pointer because fmt prints unexported fields without
// asking their methods.
type Token struct{ text *string }

const hidden = "[secret]"

// NewToken wraps the text of a token.
func NewToken(text string) Token {
	if text == "" {
		return Token{}
	}
	return Token{text: &text}
}

// Reveal returns the text.
func (t Token) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// IsZero reports whether there is no token.
func (t Token) IsZero() bool { return t.text == nil }

// Redact takes the token, and the secret part of one of the form
// v2/UUID/SECRET, out of a text that a server sent.
func (t Token) Redact(text string) string {
	if t.IsZero() {
		return text
	}
	text = strings.ReplaceAll(text, *t.text, hidden)
	if parts := strings.Split(*t.text, "/"); len(parts) > 2 && parts[2] != "" {
		text = strings.ReplaceAll(text, parts[2], hidden)
	}
	return text
}

// String hides the text.
func (t Token) String() string { return hidden }

// GoString hides the text.
func (t Token) GoString() string { return hidden }

// Format hides the text for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText hides the text in JSON, YAML and slog.
func (t Token) MarshalText() ([]byte, error) { return []byte(hidden), nil }
