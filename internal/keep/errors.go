// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

// Kind says what was wrong with a request, as a stable word. The errors of
// volumes pass through with kinds of their own.
type Kind string

// The kinds of [Error].
const (
	// NoMount: there is no mount of this UUID.
	NoMount Kind = "no-mount"
	// TrashOff: the cluster's settings forbid taking blocks away.
	TrashOff Kind = "trash-off"
	// BadList: a pull or trash list has an entry that cannot be understood.
	BadList Kind = "bad-list"
)

// Kinds lists every [Kind].
func Kinds() []Kind { return []Kind{NoMount, TrashOff, BadList} }

// Error is the error of this package.
type Error struct {
	Kind Kind
	// Text is a sentence that is safe to show.
	Text string
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Text }

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }
