// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"
)

// visit is one request that an S3 server has answered.
type visit struct {
	who    string // the access key that signed it, or whom the STS was told of
	bucket string
}

// witness tells which requests reach a bucket. It asks the S3 server, which
// knows nothing of what keepstore says about itself.
type witness struct {
	bucket string
	// all are the requests to the server so far, in their order.
	all func() ([]visit, error)
}

func (w witness) visits() (visits []visit, err error) {
	all, err := w.all()
	for _, v := range all {
		if v.bucket == w.bucket {
			visits = append(visits, v)
		}
	}
	return visits, err
}

// settled waits until there are at least n requests, since they are written
// down after the answer, and returns those that there are.
func (w witness) settled(ctx context.Context, n int) ([]visit, error) {
	for deadline := time.Now().Add(5 * time.Second); ; {
		now, err := w.visits()
		if err != nil || len(now) >= n {
			return now, err
		}
		if time.Now().After(deadline) {
			return now, fmt.Errorf("S3 tells of %d requests to %s where %d were expected", len(now), w.bucket, n)
		}
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// during returns the requests that reach the bucket while f runs. A good
// read, which is exactly one request, comes before and after it: when it is
// written down, so are all that ended before it began.
func (w witness) during(ctx context.Context, read, f func() error) ([]visit, error) {
	before, err := w.visits()
	if err != nil {
		return nil, err
	}
	if err := read(); err != nil {
		return nil, err
	}
	if before, err = w.settled(ctx, len(before)+1); err != nil {
		return nil, err
	}
	if err := f(); err != nil {
		return nil, err
	}
	if err := read(); err != nil {
		return nil, err
	}
	after, err := w.settled(ctx, len(before)+1)
	if err != nil {
		return nil, err
	}
	return after[len(before) : len(after)-1], nil
}
