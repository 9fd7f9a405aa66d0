// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/arvados-s3/keepstore/creds/records"
)

// Kind says why there is no answer, as a stable word.
type Kind string

// The kinds of [Error].
const (
	// TokenRefused: the API server does not know the token, or it has
	// expired, or it cannot be a token.
	TokenRefused Kind = "token-refused"
	// Denied: the token is good, but not for this question.
	Denied Kind = "api-denied"
	// Unavailable: the API server is down or slow, or its reply is not one of
	// an API server.
	Unavailable Kind = "api-unavailable"
)

// Kinds lists every [Kind], so that a test can prove that each has a status.
func Kinds() []Kind { return []Kind{TokenRefused, Denied, Unavailable} }

// Error is the error of every method of [Client]. Text is one sentence that
// is safe to show; Err is the cause for the log.
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

// Refusal reports whether the API server itself said no, as opposed to not
// having answered.
func (e *Error) Refusal() bool { return e.Kind != Unavailable }

func refused(format string, args ...any) error {
	return &Error{Kind: TokenRefused, Text: fmt.Sprintf(format, args...)}
}

// answered is a refusal by the API server. Its words are for decisions only:
// they are neither kept nor shown.
type answered struct {
	status            int
	withheld, expired bool
}

// newAnswered looks for two sentences of Arvados' API server, to which it
// adds the id of the request.
func newAnswered(status int, texts []string) *answered {
	a := &answered{status: status}
	for _, t := range texts {
		a.withheld = a.withheld || strings.Contains(t, "not associated with a running container")
		a.expired = a.expired || strings.Contains(t, "Credential has expired")
	}
	return a
}

// Error tells the status only.
func (a *answered) Error() string { return fmt.Sprintf("the API server answered %d", a.status) }

// meaning says what the answer means for a credential record, or nil.
func (a *answered) meaning() error {
	switch {
	case a.status == http.StatusNotFound:
		return records.ErrNotFound
	case a.withheld:
		return records.ErrWithheld
	case a.expired:
		return records.ErrExpired
	}
	return nil
}

func denied(status int, texts []string) error {
	return &Error{Kind: Denied,
		Text: "the Arvados API server does not let this token ask what is needed here: use a token with scope \"all\"",
		Err:  newAnswered(status, texts)}
}

func unavailable(err error) error {
	return &Error{Kind: Unavailable,
		Text: "the Arvados API server gives no usable answer: try again in a moment",
		Err:  err}
}

// isRefusal reports whether err is a refusal.
func isRefusal(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Refusal()
}
