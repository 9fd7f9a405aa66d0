// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"github.com/arvados-s3/keepstore/locator"
)

// Kind says why S3 did not give what was asked for, as a stable word. The
// server maps it to a status (docs/errors.md).
type Kind string

// The kinds of [Error].
const (
	// NotFound: the key or version does not exist (any more).
	NotFound Kind = "s3-not-found"
	// NoBucket: there is no such bucket at the endpoint. That says nothing of
	// objects: the bucket may be misnamed, or at another endpoint.
	NoBucket Kind = "s3-no-bucket"
	// Denied: S3 refuses these credentials.
	Denied Kind = "s3-denied"
	// PastEnd: the range reaches beyond the end of the object.
	PastEnd Kind = "past-end"
	// Archived: the object must be restored before it can be read.
	Archived Kind = "s3-archived"
	// CustomerKey: the object is encrypted with a key that only its owner has.
	CustomerKey Kind = "s3-ssec"
	// Changed: an object without versions was overwritten.
	Changed Kind = "s3-changed"
	// BadReply: the reply broke a rule that an exact read rests on.
	BadReply Kind = "s3-bad-reply"
	// WrongRegion: the bucket is in another region than configured.
	WrongRegion Kind = "wrong-region"
	// CredsExpired: S3 does not know, or no longer accepts, the keys.
	CredsExpired Kind = "creds-expired"
	// ClockSkew: S3 refuses the time of the request, or refuses the request
	// while the clocks differ much.
	ClockSkew Kind = "clock-skew"
	// SlowDown: S3 is overloaded or has an internal error. Try again later.
	SlowDown Kind = "s3-slow-down"
	// Unreachable: no usable connection to S3. Try again later.
	Unreachable Kind = "s3-unreachable"
	// Deadline: S3 was silent or slow for too long, or the caller's own time
	// limit passed.
	Deadline Kind = "deadline"
	// Canceled: the caller gave up.
	Canceled Kind = "canceled"
)

// Kinds lists every [Kind].
func Kinds() []Kind {
	return []Kind{NotFound, NoBucket, Denied, PastEnd, Archived, CustomerKey, Changed, BadReply,
		WrongRegion, CredsExpired, ClockSkew, SlowDown, Unreachable, Deadline, Canceled}
}

// Error is the error of this package; errors of packages locator,
// pseudoblock and creds pass through.
type Error struct {
	Kind Kind
	// Op is "get", "head", "list" or "bucket", which asks for settings of one.
	Op     string
	Object locator.Object
	// Status and Code are those of the S3 reply; zero and empty without one.
	Status int
	Code   string
	// Text is a sentence that is safe to show to the caller.
	Text string
	// Err is the cause, for the log.
	Err error

	// retry says that another attempt may succeed, fresh that it should use
	// a new connection.
	retry, fresh bool
	// marker says that there is a delete marker, and so a bucket.
	marker bool
	// region is the region that S3 named, of [WrongRegion].
	region string
}

// Error returns the sentence.
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

// name is the object as it stands in sentences: its URL, clipped. The URL is
// percent-encoded, so it is printable whatever the key holds.
func name(o locator.Object) string { return clip(o.URL(), 400) }

// clip shortens text that goes into a sentence.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
