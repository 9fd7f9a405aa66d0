// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// Defaults of [Options].
const (
	defaultCache = 256 << 20
	defaultStall = time.Minute
)

// MaxBlock is the size of the largest ordinary block, in bytes.
const MaxBlock = 64 << 20

// Options are settings of a [Client]; the zero value is good.
type Options struct {
	// Services are base URLs such as "http://127.0.0.1:25107" to use in place
	// of what the API server names, as ARVADOS_KEEP_SERVICES does.
	Services []string
	// CacheBytes bounds what is kept in memory of what was read; as much
	// again may be under way. Zero means 256 MiB.
	CacheBytes int64
	// Stall is how long a service may stay silent; zero means one minute.
	Stall time.Duration
	// Replicas is in how many copies blocks are stored; zero means what the
	// API server says.
	Replicas int
	// StorageClasses are those that blocks are stored in; empty means the
	// default of the services.
	StorageClasses []string
}

// Client talks to the Keep services of one cluster as one user. It is safe
// for concurrent use.
type Client struct {
	api     *api.Client
	options Options
	http    *http.Client
	cache   *cache

	mu       sync.Mutex
	services []service // guarded by mu, like the rest
	foundAt  time.Time
	replicas int
}

// New returns a client that uses the API server, and the token, of a.
func New(a *api.Client, o Options) (*Client, error) {
	if o.CacheBytes <= 0 {
		o.CacheBytes = defaultCache
	}
	if o.Stall <= 0 {
		o.Stall = defaultStall
	}
	web, err := a.Settings().HTTPClient()
	if err != nil {
		return nil, err
	}
	web.Timeout = 0 // a limit on silence does better: answers may be long
	c := &Client{api: a, options: o, http: web, cache: newCache(o.CacheBytes)}
	if len(o.Services) > 0 {
		c.services, err = fixed(o.Services)
	}
	return c, err
}

// Close ends reads that are under way and closes idle connections.
func (c *Client) Close() {
	c.cache.close()
	c.http.CloseIdleConnections()
}

// pause waits before another attempt.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
