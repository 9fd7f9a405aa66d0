// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator

import "fmt"

// Kind says what is wrong with a locator, as a stable word. The server maps
// it to a status (docs/errors.md).
type Kind string

// The kinds of [Error].
const (
	// BadLocator is text outside the one canonical grammar.
	BadLocator Kind = "bad-locator"
	// Unpinned is an S3 URL that does not name one version.
	Unpinned Kind = "unpinned"
	// BadSignature is a permission signature that is missing or wrong.
	BadSignature Kind = "bad-signature"
	// SignatureExpired is a permission signature whose time has passed.
	SignatureExpired Kind = "signature-expired"
)

// Kinds lists every [Kind], so that a test can prove that each has a status.
func Kinds() []Kind { return []Kind{BadLocator, Unpinned, BadSignature, SignatureExpired} }

// Error is the error of every function of this package. Its text is one
// sentence that is safe to show: it never holds a signature or a token.
type Error struct {
	Kind Kind
	Text string
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Text }

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }

// Is makes errors.Is(err, &Error{Kind: k}) match on the kind alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Text == ""
}

func bad(format string, args ...any) error {
	return &Error{Kind: BadLocator, Text: fmt.Sprintf(format, args...)}
}

func unpinned(text string) error { return &Error{Kind: Unpinned, Text: text} }

// clip shortens text from outside for an error sentence.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
