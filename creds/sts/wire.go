// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/smithy-go"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/s3http"
)

// maxReply bounds what is read of a reply. Sessions take a few KiB.
const maxReply = 64 << 10

// What replies are not read for.
var (
	errTooLong  = errors.New("the reply is too long")
	errRedirect = errors.New("the reply is a redirect, which is not followed")
)

// wire sends the requests of one call, and remembers of the last reply what
// explains it. It is no http.Client, so it follows no redirects.
type wire struct {
	transport *http.Transport
	last      atomic.Pointer[reply]
}

// reply is the part of a reply that holds no text of the service.
type reply struct {
	status int
	date   time.Time // zero when there is none
}

func newWire(e *creds.Endpoint) (*wire, error) {
	transport, err := s3http.NewTransport(&creds.Endpoint{Name: e.Name, URL: e.STSAddress(), CAFile: e.CAFile})
	if err != nil {
		return nil, err
	}
	transport.DisableKeepAlives = true // calls are minutes apart
	return &wire{transport: transport}, nil
}

// Do sends one request and reads its whole reply.
func (w *wire) Do(r *http.Request) (*http.Response, error) {
	w.last.Store(&reply{})
	// The SDK puts variables of the environment into these.
	r.Header.Set("User-Agent", "keepstore")
	r.Header.Del("X-Amzn-Trace-Id")
	got, err := s3http.RoundTrip(w.transport, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = got.Body.Close() }()
	date, _ := http.ParseTime(got.Header.Get("Date")) // zero without one
	w.last.Store(&reply{status: got.StatusCode, date: date})
	if got.StatusCode >= 300 && got.StatusCode < 400 {
		return nil, errRedirect
	}
	body, err := io.ReadAll(io.LimitReader(got.Body, maxReply+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxReply:
		return nil, errTooLong
	}
	got.Body = io.NopCloser(bytes.NewReader(body))
	return got, nil
}

// status is that of the last reply, or 0 when there was none.
func (w *wire) status() int {
	if last := w.last.Load(); last != nil {
		return last.status
	}
	return 0
}

// skew is how far this clock is ahead of that of the last reply, or 0.
func (w *wire) skew(now time.Time) time.Duration {
	last := w.last.Load()
	if last == nil || last.date.IsZero() {
		return 0
	}
	return now.Sub(last.date)
}

// overloaded reports whether another attempt may help: the service failed, or
// asks for patience.
func (w *wire) overloaded(err error) bool {
	if errors.Is(err, errTooLong) || errors.Is(err, errRedirect) {
		return false
	}
	status := w.status()
	return status >= 500 || status == http.StatusTooManyRequests || isThrottling(code(err))
}

// code returns the error code that the service gave, or "". It may be any
// text.
func code(err error) string {
	if e := smithy.APIError(nil); errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}
