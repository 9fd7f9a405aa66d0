// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/s3http"
	"github.com/arvados-s3/keepstore/locator"
)

// client sends requests about one bucket.
type client struct {
	access    creds.Access
	bucket    string
	timeout   time.Duration
	attempts  int
	transport *http.Transport
}

func newClient(o Options) (*client, error) {
	t, err := s3http.NewTransport(o.Access.Endpoint)
	if err != nil {
		return nil, err
	}
	return &client{access: o.Access, bucket: o.Bucket, timeout: o.Timeout, attempts: o.MaxAttempts, transport: t}, nil
}

// request is one S3 request. Every one of ours can be repeated.
type request struct {
	method, key string
	query       url.Values
	header      map[string]string
	body        []byte
}

// do sends a request until accept is content with a reply, a refusal is final,
// or the attempts are used up. accept reads the body.
func (c *client) do(ctx context.Context, r request, accept func(*http.Response) error) error {
	payload := c.payload(r.body)
	for try := 1; ; try++ {
		err := c.attempt(ctx, r, payload, accept)
		if err == nil || ctx.Err() != nil || try >= c.attempts || final(err) {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// final reports whether trying again is useless.
func final(err error) bool {
	told, credentials := new(refusal), new(creds.Error)
	switch {
	case errors.As(err, &told):
		return !told.passing()
	case errors.As(err, &credentials):
		return true
	}
	return errors.Is(err, errSpoilt) || errors.Is(err, errTooBig) || s3http.Hopeless(err)
}

func pause(ctx context.Context, try int) error {
	timer := time.NewTimer(rand.N(50*time.Millisecond<<try) + 1)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client) attempt(ctx context.Context, r request, payload string, accept func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	out := c.build(ctx, r)
	if err := c.sign(ctx, out, payload); err != nil {
		return err
	}
	reply, err := s3http.RoundTrip(c.transport, out)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode < 200 || reply.StatusCode > 299 {
		return refuse(r.method, reply)
	}
	if accept != nil {
		err = accept(reply)
	}
	if err == nil { // so that the connection can be used again
		_, err = io.Copy(io.Discard, io.LimitReader(reply.Body, 1<<20))
	}
	return err
}

func (c *client) build(ctx context.Context, r request) *http.Request {
	scheme, host, path := c.access.Endpoint.Address(c.bucket, c.access.Endpoint.Region)
	u := &url.URL{Scheme: scheme, Host: host, Path: path + "/" + r.key, RawPath: path + "/" + locator.Escape(r.key, true)}
	u.RawQuery = strings.ReplaceAll(r.query.Encode(), "+", "%20")
	header := make(http.Header)
	for name, value := range r.header {
		header.Set(name, value)
	}
	if c.access.RequesterPays {
		header.Set("X-Amz-Request-Payer", "requester")
	}
	out := &http.Request{Method: r.method, URL: u, Host: host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if r.method == http.MethodPut {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
		if len(r.body) == 0 {
			out.Body = http.NoBody
		}
	}
	return out.WithContext(ctx)
}

// payload is the hash of the body that is signed. Over TLS nobody can change
// the body, and S3 checks it by Content-MD5, so that hashing it twice is of no
// use there.
func (c *client) payload(body []byte) string {
	if scheme, _, _ := c.access.Endpoint.Address(c.bucket, c.access.Endpoint.Region); scheme == "https" && len(body) > 0 {
		return "UNSIGNED-PAYLOAD"
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func (c *client) sign(ctx context.Context, r *http.Request, payload string) error {
	if c.access.Provider != nil {
		keys, err := c.access.Provider.Retrieve(ctx)
		if err != nil {
			return err
		}
		r.Header.Set("X-Amz-Content-Sha256", payload)
		if err := s3http.NewSigner().SignHTTP(ctx, keys, r, payload, "s3", c.access.Endpoint.Region, time.Now()); err != nil {
			return err
		}
	}
	r.Header.Set("Accept-Encoding", "identity")
	r.Header.Set("User-Agent", "keepstore")
	return nil
}
