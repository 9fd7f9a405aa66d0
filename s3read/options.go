// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import "time"

// Options are the limits of a [Reader]. A zero field means its default.
type Options struct {
	// Stall is how long S3 may send nothing: 5 s.
	Stall time.Duration
	// Total is how long one read may take from Open to Close, the caller's
	// own time included, and how long one other operation may take: 240 s.
	Total time.Duration
	// MinRate is the least speed of a body in bytes per second of waiting for
	// S3, measured over windows of Stall: 32 KiB/s. Negative means none.
	MinRate int64
	// MaxAttempts is how many S3 requests one operation may make: 4.
	MaxAttempts int
	// MaxRequests is how many requests may be in flight at one endpoint; more
	// wait: 512.
	MaxRequests int
	// Now is the clock by which requests are signed; nil means time.Now.
	Now func() time.Time
	// Observe is called after each attempt, if set. It must be quick and safe
	// for concurrent use.
	Observe func(Event)
}

func (o Options) withDefaults() Options {
	o.Stall = orDefault(o.Stall, 5*time.Second)
	o.Total = orDefault(o.Total, 240*time.Second)
	o.MinRate = orDefault(o.MinRate, 32<<10)
	o.MaxAttempts = orDefault(o.MaxAttempts, 4)
	o.MaxRequests = orDefault(o.MaxRequests, 512)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	return o
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Event describes one attempt, that is one S3 request, for metrics. It holds
// no key, bucket or secret.
type Event struct {
	// Endpoint is the name of the endpoint in the configuration.
	Endpoint string
	// Op is "get", "head", "list" or "bucket", which asks for settings of one.
	Op string
	// Kind is "ok" or the word of an error.
	Kind string
	// Bytes is how much of the body was read.
	Bytes int64
	// Duration is from the request to the end of the body.
	Duration time.Duration
	// Attempt counts from 1 within one operation.
	Attempt int
}
