// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import "fmt"

// Kind says why there is no access, as a stable word.
type Kind string

// The kinds of [Error].
const (
	// NotAllowed: no access rule covers the object, or the rule does not let
	// this user import. The text is the same whether the object exists or not.
	NotAllowed Kind = "bucket-not-allowed"
	// Missing: the mode has no credentials for this caller.
	Missing Kind = "creds-missing"
	// Ambiguous: several credential records fit equally well.
	Ambiguous Kind = "creds-ambiguous"
	// Expired: the credentials have passed their end, or S3 does not know
	// them any more.
	Expired Kind = "creds-expired"
	// ScopeNeeded: a token of limited scope, such as a sharing link, cannot
	// use the rights of its user.
	ScopeNeeded Kind = "scope-needed"
	// RoleRefused: the STS does not let this caller assume the role.
	RoleRefused Kind = "sts-refused"
	// ClockSkew: this server's clock differs too much from that of S3 or STS.
	ClockSkew Kind = "clock-skew"
	// Unavailable: the place that credentials come from does not answer.
	Unavailable Kind = "creds-unavailable"
)

// Kinds lists every [Kind].
func Kinds() []Kind {
	return []Kind{NotAllowed, Missing, Ambiguous, Expired, ScopeNeeded, RoleRefused, ClockSkew, Unavailable}
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

func notAllowed(bucket string) error {
	return &Error{Kind: NotAllowed, Text: fmt.Sprintf(
		"no access rule of this server allows this for s3://%s/: ask the operator to add one", bucket)}
}
