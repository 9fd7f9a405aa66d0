// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// The pause before attempt n+1 is random between 0 and backoffBase·2ⁿ, at
// most backoffCap, so that many readers do not come back together.
const (
	backoffBase = 50 * time.Millisecond
	backoffCap  = 2 * time.Second
)

func backoff(tries int) time.Duration {
	return rand.N(min(backoffBase<<min(tries, 10), backoffCap)) + 1
}

// The retry budget of an endpoint. Each retry costs a token, each reply that
// shows the endpoint alive earns a fifth of one, and two come every second:
// an endpoint that fails every request gets little more than the first
// attempts, not four times the load.
const (
	budgetMax    = 100.0
	budgetEarn   = 0.2
	budgetPerSec = 2.0
)

type budget struct {
	mu     sync.Mutex
	tokens float64
	filled time.Time
}

// earn adds for a reply that was no sign of trouble.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+budgetEarn, budgetMax)
}

// spend takes a token for a retry and reports whether there was one.
func (b *budget) spend(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.filled.IsZero() {
		b.tokens = min(b.tokens+now.Sub(b.filled).Seconds()*budgetPerSec, budgetMax)
	}
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
