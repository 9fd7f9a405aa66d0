// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"net/http"
	"sync"

	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// Options are settings of a [Client]; the zero value is good.
type Options struct {
	// Keep are settings for reading and storing blocks.
	Keep keep.Options
}

// Client works with the collections of one cluster as one user. All its
// collections share one cache of what was read. It is safe for concurrent use.
type Client struct {
	api  *api.Client
	keep *keep.Client

	mu      sync.Mutex
	learned bool // guarded by mu, like what follows
	aware   bool
	// conditional says that the API server stores under conditions.
	conditional bool
	maxBytes    int64
}

// NewClient returns a client with the API server and the token of a. It sends
// nothing. Close it after use; a stays open.
func NewClient(a *api.Client, o Options) (*Client, error) {
	k, err := keep.New(a, o.Keep)
	if err != nil {
		return nil, err
	}
	return &Client{api: a, keep: k}, nil
}

// Close ends reads that are under way.
func (c *Client) Close() { c.keep.Close() }

// defaultMaxRequest is the largest request that stock API servers take.
const defaultMaxRequest = 128 << 20

// learn asks the API server once what it can: whether it knows pseudo-blocks,
// and how many bytes a request may have.
func (c *Client) learn(ctx context.Context) (aware bool, maxBytes int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.learned {
		return c.aware, c.maxBytes, nil
	}
	var discovery struct {
		PseudoBlocks   bool  `json:"pseudoBlocks"`
		Conditions     bool  `json:"conditionalUpdates"`
		MaxRequestSize int64 `json:"maxRequestSize"`
	}
	if err := c.api.Call(ctx, http.MethodGet, "discovery/v1/apis/arvados/v1/rest", nil, &discovery); err != nil {
		return false, 0, err
	}
	c.learned, c.aware, c.maxBytes = true, discovery.PseudoBlocks, discovery.MaxRequestSize
	c.conditional = discovery.Conditions
	if c.maxBytes <= 0 {
		c.maxBytes = defaultMaxRequest
	}
	return c.aware, c.maxBytes, nil
}

// conditions reports whether the API server can store a collection only if it
// still is what was loaded. It must have been asked what it can.
func (c *Client) conditions() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conditional
}

func noClient() error {
	return fault(NoClient, "this collection was parsed from text without a client, so it has names and locators only")
}
