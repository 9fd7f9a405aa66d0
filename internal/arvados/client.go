// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/arvados-s3/keepstore/creds"
)

const (
	// maxCalls bounds the requests under way to the API server.
	maxCalls = 64
	// maxWaiting bounds those that wait for one of these. Questions outlive who
	// asked them, so it is not the number of clients that bounds them.
	maxWaiting = 1024
	// maxReply bounds the body of a reply. The largest that is asked for is
	// the discovery document, about 200 KiB on a stock cluster.
	maxReply       = 1 << 20
	maxReplyHeader = 64 << 10
	defaultTimeout = 10 * time.Second
)

// errTooLong is what a reply is not read for.
var errTooLong = errors.New("the API server's reply is longer than 1 MiB")

// Options configure a [Client].
type Options struct {
	// URL is scheme, host and port of the API server.
	URL string
	// CAFile is a PEM file of the certificate authorities to trust in place
	// of the system's.
	CAFile string
	// Timeout bounds each question, waiting included; zero means 10 s.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Client asks one API server. It is safe for concurrent use.
type Client struct {
	base      string
	http      *http.Client
	now       func() time.Time
	calls     chan struct{}
	waiting   atomic.Int64
	callers   remembered[creds.Caller]
	groups    remembered[[]string]
	discovery remembered[Discovery]
}

// New checks the options and returns a client. It sends nothing.
func New(o Options) (*Client, error) {
	base, err := checkURL(o.URL)
	if err != nil {
		return nil, err
	}
	trust, err := loadCAs(o.CAFile)
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Client{
		base:      base,
		http:      newHTTP(trust, o.Timeout),
		now:       o.Now,
		calls:     make(chan struct{}, maxCalls),
		callers:   newRemembered[creds.Caller](o),
		groups:    newRemembered[[]string](o),
		discovery: newRemembered[Discovery](o),
	}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func checkURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", errors.New("the URL of the Arvados API server must look like https://zzzzz.example.org")
	}
	if u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("the URL of the Arvados API server must be scheme, host and port only")
	}
	return u.Scheme + "://" + u.Host, nil
}

func loadCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the CA file of the Arvados API server cannot be read: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("the CA file %s of the Arvados API server holds no PEM certificate", file)
	}
	return pool, nil
}

// newHTTP returns a client that goes to the configured host or nowhere.
func newHTTP(trust *x509.CertPool, timeout time.Duration) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // not from the environment
			TLSClientConfig:        &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    timeout,
			MaxIdleConnsPerHost:    maxCalls,
			MaxConnsPerHost:        maxCalls,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: maxReplyHeader,
			ForceAttemptHTTP2:      true,
		},
	}
}

// get asks for one JSON document. An empty token sends none.
func (c *Client) get(ctx context.Context, token creds.Secret, path string, query url.Values, into any) error {
	if err := c.begin(ctx); err != nil {
		return unavailable(err)
	}
	defer func() { <-c.calls }()
	status, body, err := c.send(ctx, token, path, query)
	if err != nil {
		return unavailable(err)
	}
	return accept(status, body, into)
}

// begin takes a place among the requests that are under way.
func (c *Client) begin(ctx context.Context) error {
	select {
	case c.calls <- struct{}{}:
		return nil
	default:
	}
	defer c.waiting.Add(-1)
	if c.waiting.Add(1) > maxWaiting {
		return fmt.Errorf("%d requests to the API server wait already", maxWaiting)
	}
	select {
	case c.calls <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d requests to the API server are under way: %w", maxCalls, ctx.Err())
	}
}

func (c *Client) send(ctx context.Context, token creds.Secret, path string, query url.Values) (int, []byte, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept", "application/json")
	if !token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return 0, nil, errors.New("the API server switches to another protocol") // no limit ends a read of this body
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err == nil && len(body) > maxReply {
		err = fmt.Errorf("GET %s: %w", path, errTooLong)
	}
	return resp.StatusCode, body, err
}

// accept decodes a reply. A refusal counts only in the API server's own
// format: the error page of some proxy in between says nothing about a token.
func accept(status int, body []byte, into any) error {
	switch status {
	case http.StatusOK:
		if err := json.Unmarshal(body, into); err != nil {
			return unavailable(fmt.Errorf("the API server's reply is not the JSON asked for: %w", err))
		}
		return nil
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		var reply struct{ Errors []string }
		if json.Unmarshal(body, &reply) == nil && len(reply.Errors) > 0 {
			return refusal(status, reply.Errors)
		}
	}
	return unavailable(fmt.Errorf("the API server answered %d", status))
}

func refusal(status int, texts []string) error {
	if status == http.StatusUnauthorized {
		return refused("the Arvados API server does not accept the token: it may be expired or revoked, get a new one")
	}
	return denied(status, texts)
}
