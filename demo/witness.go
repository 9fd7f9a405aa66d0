// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// visit is one request that an S3 server has answered.
type visit struct {
	who         string // the access key that signed it, or whom the STS was told of
	bucket, key string
}

// witness tells which requests reach a bucket. It asks the S3 server, which
// knows nothing of what keepstore says about itself.
type witness struct {
	at *bucket
	// all are the requests to the server so far.
	all func() ([]visit, error)
}

// during returns the requests that reach the bucket while f runs. Before and
// after it sets a mark, a request of the owner's for a key that is not there:
// when the mark is written down, so is what was answered before. A server may
// write the last answer down a little after it was received, so it waits for
// as many as there should be.
func (w witness) during(ctx context.Context, want int, f func() error) ([]visit, error) {
	first, err := w.mark(ctx)
	if err != nil {
		return nil, err
	}
	if _, err = w.await(ctx, first, first, 0); err != nil {
		return nil, err
	}
	if err := f(); err != nil {
		return nil, err
	}
	last, err := w.mark(ctx)
	if err != nil {
		return nil, err
	}
	return w.await(ctx, first, last, want)
}

// mark leaves a trace with a name that nobody else knows.
func (w witness) mark(ctx context.Context) (name string, err error) {
	name = "mark-" + rand.Text()
	_, err = w.at.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(w.at.name), Key: aws.String(name)})
	if answer := (*smithyhttp.ResponseError)(nil); errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound {
		return name, nil
	}
	return name, fmt.Errorf("a request for a key that is not there should be answered 404: %w", err)
}

// await waits until the last mark is there, and for a while also until there
// are enough requests. It returns those since the first mark.
func (w witness) await(ctx context.Context, first, last string, want int) ([]visit, error) {
	for deadline := time.Now().Add(10 * time.Second); ; {
		all, err := w.all()
		if err != nil {
			return nil, err
		}
		since, marked := w.between(all, first, last)
		late := time.Now().After(deadline)
		switch {
		case marked && (len(since) >= want || late):
			return since, nil
		case late:
			return nil, fmt.Errorf("S3 does not tell of a request to %s that it has answered", w.at.name)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// between returns the requests to the bucket after the first mark, and
// whether the last mark is there.
func (w witness) between(all []visit, first, last string) (since []visit, marked bool) {
	begin := slices.IndexFunc(all, func(v visit) bool { return v.key == first })
	for _, v := range all[begin+1:] {
		switch {
		case v.key == last:
			marked = true
		case v.bucket == w.at.name:
			since = append(since, v)
		}
	}
	return since, begin >= 0 && (marked || first == last)
}
