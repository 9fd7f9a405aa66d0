// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"
)

// witness counts the requests that reach S3, from the gateway's own access
// log: it knows nothing of what keepstore says about itself.
type witness struct{ log string }

// requests returns how many requests S3 has answered so far.
func (w witness) requests() (int, error) {
	text, err := os.ReadFile(w.log)
	if err != nil {
		return 0, err
	}
	n := 0
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte(" "+bucketName+" ")) {
			n++
		}
	}
	return n, nil
}

// settled waits until the log has at least n requests, since a line is
// written after its answer, and returns how many it has.
func (w witness) settled(ctx context.Context, n int) (int, error) {
	for deadline := time.Now().Add(5 * time.Second); ; {
		now, err := w.requests()
		if err != nil || now >= n {
			return now, err
		}
		if time.Now().After(deadline) {
			return now, fmt.Errorf("the access log of S3 has %d requests where %d were expected", now, n)
		}
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// during returns how many requests reach S3 while f runs. A good read, which
// is exactly one request, comes before and after it: when its line is in the
// log, so are the lines of all that ended before it began.
func (w witness) during(ctx context.Context, read, f func() error) (int, error) {
	before, err := w.requests()
	if err != nil {
		return 0, err
	}
	if err := read(); err != nil {
		return 0, err
	}
	if before, err = w.settled(ctx, before+1); err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	if err := read(); err != nil {
		return 0, err
	}
	after, err := w.settled(ctx, before+1)
	return after - before - 1, err
}
