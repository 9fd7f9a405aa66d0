// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"errors"
	"fmt"
	"net/http"
)

// Kind says why something was refused, as a stable word.
type Kind string

// The kinds of [Error].
const (
	// NotLoggedIn: no token, or one that is unknown, revoked or expired.
	NotLoggedIn Kind = "not-logged-in"
	// Forbidden: the caller is known and may not do this.
	Forbidden Kind = "forbidden"
	// NotFound: there is no such route, or no such object for this caller.
	NotFound Kind = "not-found"
	// Invalid: the request cannot be understood or breaks a rule.
	Invalid Kind = "invalid"
	// Conflict: the object is not any more what the request says it is.
	Conflict Kind = "conflict"
	// TooLarge: the body of the request is too long.
	TooLarge Kind = "too-large"
	// Unavailable: the data folder does not do what it should.
	Unavailable Kind = "storage"
)

// Kinds lists every [Kind].
func Kinds() []Kind {
	return []Kind{NotLoggedIn, Forbidden, NotFound, Invalid, Conflict, TooLarge, Unavailable}
}

// Error is the error of this package. Text is safe to show to the caller;
// Err is the cause for the log.
type Error struct {
	Kind Kind
	Text string
	Err  error
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }

func fail(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error { return fail(Invalid, format, args...) }

// storage wraps a failure of the database or the data folder.
func storage(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &Error{Kind: Unavailable, Text: "the API server's data folder gives an error: see the server's log", Err: err}
}

// status returns the HTTP status of a kind. Arvados clients retry 503.
func status(k Kind) int {
	switch k {
	case NotLoggedIn:
		return http.StatusUnauthorized
	case Forbidden:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Invalid:
		return http.StatusUnprocessableEntity
	case Conflict:
		return http.StatusPreconditionFailed
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	default:
		return http.StatusServiceUnavailable
	}
}

// clip shortens text from outside for an error sentence.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q…", s[:most])
}
