// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"net/http"
	"sync"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/s3http"
)

// Reader reads from any number of endpoints. It is safe for concurrent use.
// What one endpoint does (silence, errors, a full queue) does not touch reads
// from another.
type Reader struct {
	options Options

	mu      sync.Mutex
	clients map[*creds.Endpoint]*client
}

// New returns a Reader with the given limits.
func New(o Options) *Reader {
	return &Reader{options: o.withDefaults(), clients: make(map[*creds.Endpoint]*client)}
}

// Close closes idle connections. Reads in progress go on.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.clients {
		k.pooled.CloseIdleConnections()
		k.single.CloseIdleConnections()
	}
}

// client holds all that the requests to one endpoint share.
type client struct {
	endpoint *creds.Endpoint
	options  Options
	// pooled keeps connections alive; single opens a new one for each
	// request, for attempts after a connection failed.
	pooled, single *http.Transport
	// slots holds one element for each request in flight.
	slots   chan struct{}
	budget  budget
	buffers *buffers
	regions regions
	seen    seen
}

// client returns the client of an endpoint, made on first use.
func (r *Reader) client(e *creds.Endpoint) (*client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.clients[e]; k != nil {
		return k, nil
	}
	k, err := newClient(e, r.options)
	if err != nil {
		return nil, err
	}
	r.clients[e] = k
	return k, nil
}

func newClient(e *creds.Endpoint, o Options) (*client, error) {
	pooled, err := s3http.NewTransport(e)
	if err != nil {
		return nil, &Error{Kind: Unreachable, Err: err,
			Text: "the CA file of S3 endpoint " + quote(e.Name) + " cannot be used: ask the operator to check ca_file"}
	}
	single := pooled.Clone()
	single.DisableKeepAlives = true
	return &client{endpoint: e, options: o, pooled: pooled, single: single,
		slots: make(chan struct{}, o.MaxRequests), budget: budget{tokens: budgetMax}, buffers: newBuffers()}, nil
}
