// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"sync/atomic"
	"time"
)

// maxQueue is how long a request waits for a place. Keep clients count the
// wait against their own limits, so it is short.
const maxQueue = 10 * time.Second

// gate bounds the requests that are answered at once, and those that wait.
type gate struct {
	places  chan struct{}
	waiting atomic.Int64
}

func newGate(n int) *gate { return &gate{places: make(chan struct{}, n)} }

// enter returns when there is a place, or an error when too many wait already.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.places <- struct{}{}:
		return g.leave, nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > int64(cap(g.places)) {
		return nil, refuse("overloaded", "this server answers as many requests as it may: try again in a moment")
	}
	timer := time.NewTimer(maxQueue)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return g.leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, refuse("overloaded", "no place became free in %v: try again in a moment", maxQueue)
	}
}

func (g *gate) leave() { <-g.places }
