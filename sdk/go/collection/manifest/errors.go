// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import "fmt"

// Kind says what is wrong, as a stable word.
type Kind string

// The kinds of [Error].
const (
	// BadManifest is text that is not a manifest.
	BadManifest Kind = "bad-manifest"
	// BadFile is a file that no manifest can hold: its path, or blocks that
	// do not add up to its size.
	BadFile Kind = "bad-file"
	// BadState is a saved writer state that cannot be made or used.
	BadState Kind = "bad-state"
)

// Kinds lists every [Kind].
func Kinds() []Kind { return []Kind{BadManifest, BadFile, BadState} }

// Error is the error of this package; errors of package locator and of the
// underlying io.Writer pass through, wrapped.
type Error struct {
	Kind Kind
	Text string
	Err  error
}

// Error returns one sentence that is safe to show.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }

// Is makes errors.Is(err, &Error{Kind: k}) match on the kind alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Text == ""
}

func fault(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// clip shortens text from outside for an error sentence.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
