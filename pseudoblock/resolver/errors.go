// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver

// Kind says why a read was refused, as a stable word.
type Kind string

// The kinds of [Error].
const (
	// NoToken: the request carries no token.
	NoToken Kind = "no-token"
	// NotVouched: the signature proves only that the caller knows some opaque
	// locator, not that they may read this one.
	NotVouched Kind = "not-vouched"
	// UserInactive: the account of the token's user is not active.
	UserInactive Kind = "user-inactive"
	// NotAware: the client did not say that it knows pseudo-blocks.
	NotAware Kind = "client-not-aware"
	// ContentUnavailable: no alternative of a content-form block gave bytes
	// with the right MD5. The answer is the same whatever the cause.
	ContentUnavailable Kind = "content-unavailable"
	// Overloaded: too many blocks are buffered already.
	Overloaded Kind = "overloaded"
)

// Kinds lists every [Kind].
func Kinds() []Kind {
	return []Kind{NoToken, NotVouched, UserInactive, NotAware, ContentUnavailable, Overloaded}
}

// Error is the error of this package; errors of the packages it uses pass
// through unchanged.
type Error struct {
	Kind Kind
	Text string
	// Err is the cause for the log. It is never shown.
	Err error
}

// Error returns one sentence that is safe to show.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }
