// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock

import "fmt"

// Kind says what is wrong with a pseudo-block, as a stable word.
type Kind string

// The kinds of [Error].
const (
	// BadLocator is a locator that is well formed but names no block.
	BadLocator Kind = "bad-locator"
	// TooLarge is a block above the limit of its form.
	TooLarge Kind = "too-large"
)

// Kinds lists every [Kind].
func Kinds() []Kind { return []Kind{BadLocator, TooLarge} }

// Error is the error of this package; errors of package locator pass through.
type Error struct {
	Kind Kind
	Text string
}

// Error returns one sentence that is safe to show.
func (e *Error) Error() string { return e.Text }

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }

// Is makes errors.Is(err, &Error{Kind: k}) match on the kind alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Text == ""
}

func badf(format string, args ...any) error {
	return &Error{Kind: BadLocator, Text: fmt.Sprintf(format, args...)}
}
