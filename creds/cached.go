// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	// expiryWindow is how long before their end credentials are renewed.
	expiryWindow = 5 * time.Minute
	// maxAge is how long they serve at most, so that a changed role is seen.
	maxAge = time.Hour
	// retryAfter is how long credentials that could not be renewed, but are
	// still good, serve until the next try.
	retryAfter = time.Minute
	// fetchLimit bounds one fetch. A fetch serves many requests and does not
	// end with any of them, so it needs a limit of its own.
	fetchLimit = 10 * time.Second
	// invalidAfter is how old credentials must be to be fetched anew because S3
	// refuses them. Where they never work, each read says so.
	invalidAfter = 5 * time.Second
)

// cached is a provider that remembers credentials until shortly before they
// expire. Many callers wait for one fetch, which goes on when the first of
// them leaves. It has no exported state, so printing it shows no key.
type cached struct {
	endpoint string
	cache    *aws.CredentialsCache
	fetcher  *fetcher
}

func newCached(e *Endpoint, from aws.CredentialsProvider) *cached {
	f := &fetcher{from: from}
	cache := aws.NewCredentialsCache(f, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = expiryWindow
	})
	return &cached{endpoint: e.Name, cache: cache, fetcher: f}
}

// Retrieve returns the credentials. A failed fetch is an [*Error] of kind
// [Unavailable]; a caller who left gets the error of their context.
func (c *cached) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := c.cache.Retrieve(ctx)
	if err == nil {
		return got, nil
	}
	if ctx.Err() != nil {
		return aws.Credentials{}, ctx.Err()
	}
	return aws.Credentials{}, &Error{Kind: Unavailable, Err: err, Text: fmt.Sprintf(
		"this server cannot get its own credentials for the S3 endpoint %s just now: try again, and tell the operator if it lasts",
		c.endpoint)}
}

// Invalidate makes the next caller fetch again, for when S3 refuses
// credentials that look good, unless that was just done.
func (c *cached) Invalidate() {
	if age := time.Now().UnixNano() - c.fetcher.began.Load(); age < 0 || age >= int64(invalidAfter) {
		c.cache.Invalidate()
	}
}

// String and GoString keep the cache's content out of every log.
func (c *cached) String() string { return "credentials of " + c.endpoint }

// GoString is as String.
func (c *cached) GoString() string { return c.String() }

// fetcher gives the cache its rules. The cache calls one method at a time.
type fetcher struct {
	from   aws.CredentialsProvider
	last   aws.Credentials
	ends   time.Time    // when the last credentials really expire
	failed bool         // the last fetch failed
	began  atomic.Int64 // when that was, in Unix nanoseconds
}

// Retrieve fetches new credentials within the limit. When it cannot, it goes on
// with those at hand for as long as they really live. The SDK's own rule uses
// them beyond their end, which only moves the error to S3.
func (f *fetcher) Retrieve(ctx context.Context) (aws.Credentials, error) {
	f.began.Store(time.Now().UnixNano())
	got, err := f.fetch(ctx)
	f.failed = err != nil
	switch {
	case err == nil:
		f.last, f.ends = got, got.Expires
	case !f.last.HasKeys() || f.last.CanExpire && !time.Now().Before(f.ends):
		return aws.Credentials{}, err
	}
	return f.last, nil
}

func (f *fetcher) fetch(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	got, err := f.from.Retrieve(ctx)
	if err == nil && got.Expired() {
		err = fmt.Errorf("the credentials that came had expired at %v", got.Expires)
	}
	return got, err
}

// AdjustExpiresBy says when the cache asks again: by before the end, but at
// the earliest after half of the time that is left, or short-lived
// credentials would be fetched anew for every request.
func (f *fetcher) AdjustExpiresBy(got aws.Credentials, by time.Duration) (aws.Credentials, error) {
	left := time.Until(f.ends)
	again := min(max(left+by, left/2), maxAge)
	if f.failed {
		again = min(again, retryAfter)
	}
	got.Expires = time.Now().Add(again)
	return got, nil
}
