// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import "fmt"

// Kind says why an import was refused, as a stable word.
type Kind string

// The kinds of [Error].
const (
	// BadRequest: the request cannot be understood.
	BadRequest Kind = "bad-request"
	// BadResume: the resume token is not ours, too old, or of another request
	// or user.
	BadResume Kind = "bad-resume-token"
	// ScopeNeeded: importing creates authority and needs a full token.
	ScopeNeeded Kind = "scope-needed"
	// Overloaded: too many imports run at once.
	Overloaded Kind = "overloaded"
	// RulesChanged: the access rules are not those that the import began with.
	RulesChanged Kind = "rules-changed"
)

// Kinds lists every [Kind].
func Kinds() []Kind { return []Kind{BadRequest, BadResume, ScopeNeeded, Overloaded, RulesChanged} }

// Error is the error of this package; errors of the packages it uses pass
// through.
type Error struct {
	Kind Kind
	Text string
}

// Error returns one sentence that is safe to show.
func (e *Error) Error() string { return e.Text }

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }

func badRequest(format string, args ...any) error {
	return &Error{Kind: BadRequest, Text: fmt.Sprintf(format, args...)}
}

// worded is what the errors of all our packages have.
type worded interface {
	error
	Word() string
}
