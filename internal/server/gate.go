// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxQueue is how long a request waits for a place. Keep clients count the
// wait against their own limits, so it is short.
const maxQueue = 10 * time.Second

// gate bounds the requests that are answered at once, and those that wait. One
// token has at most half of the places, so that the requests of one user,
// however slow, leave places for others.
type gate struct {
	places chan struct{}
	// uploads has half of the places: senders decide how long they hold these.
	uploads chan struct{}
	waiting atomic.Int64

	mu     sync.Mutex
	shares map[user]*share // guarded by mu
}

// user stands for a token, or for all requests without one.
type user [sha256.Size]byte

func userOf(r *http.Request) user { return sha256.Sum256([]byte(r.Header.Get("Authorization"))) }

// share is what one user may have of the gate.
type share struct {
	places chan struct{}
	in     int // requests that hold or wait for a place; guarded by gate.mu
}

func newGate(n int) *gate {
	return &gate{places: make(chan struct{}, n), uploads: make(chan struct{}, max(n/2, 1)), shares: map[user]*share{}}
}

// enter returns when there is a place, or an error when too many wait already.
func (g *gate) enter(ctx context.Context, u user, upload bool) (leave func(), err error) {
	own := g.join(u)
	queues := []chan struct{}{own.places, g.places}
	if upload {
		queues = []chan struct{}{own.places, g.uploads, g.places}
	}
	until := time.Now().Add(maxQueue)
	for i, q := range queues {
		if err := g.acquire(ctx, q, until); err != nil {
			g.leave(u, own, queues[:i])
			return nil, err
		}
	}
	return func() { g.leave(u, own, queues) }, nil
}

func (g *gate) leave(u user, own *share, queues []chan struct{}) {
	for _, q := range queues {
		<-q
	}
	g.part(u, own)
}

func (g *gate) join(u user) *share {
	g.mu.Lock()
	defer g.mu.Unlock()
	own := g.shares[u]
	if own == nil {
		own = &share{places: make(chan struct{}, max(cap(g.places)/2, 1))}
		g.shares[u] = own
	}
	own.in++
	return own
}

func (g *gate) part(u user, own *share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if own.in--; own.in == 0 {
		delete(g.shares, u)
	}
}

// acquire takes one of the places, waiting for it if not too many do.
func (g *gate) acquire(ctx context.Context, places chan struct{}, until time.Time) error {
	select {
	case places <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > int64(cap(g.places)) {
		return refuse("overloaded", "this server answers as many requests as it may: try again in a moment")
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return refuse("overloaded", "no place became free in %v: try again in a moment", maxQueue)
	}
}
