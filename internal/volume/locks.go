// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"sync"

	"github.com/arvados-s3/keepstore/locator"
)

// Locks holds one lock per hash in use, for drivers. The zero value is ready.
type Locks struct {
	mu   sync.Mutex
	held map[locator.Hash]*lock
}

type lock struct {
	busy  chan struct{}
	users int
}

// Lock waits for the lock of a hash. The caller must call unlock once if there
// is no error.
func (l *Locks) Lock(ctx context.Context, hash locator.Hash) (unlock func(), err error) {
	k := l.enter(hash)
	select {
	case k.busy <- struct{}{}:
		return func() {
			<-k.busy
			l.leave(hash, k)
		}, nil
	case <-ctx.Done():
		l.leave(hash, k)
		return nil, Ended(ctx, hash)
	}
}

func (l *Locks) enter(hash locator.Hash) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(map[locator.Hash]*lock)
	}
	k := l.held[hash]
	if k == nil {
		k = &lock{busy: make(chan struct{}, 1)}
		l.held[hash] = k
	}
	k.users++
	return k
}

func (l *Locks) leave(hash locator.Hash, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.held, hash)
	}
}

// Gate lets a limited number in, for drivers whose device wants few requests
// at a time. A driver takes the lock of a hash before it enters a gate, never
// the other way round.
type Gate chan struct{}

// NewGate returns a gate for n at a time; without limit if n is not positive.
func NewGate(n int) Gate {
	if n <= 0 {
		return nil
	}
	return make(Gate, n)
}

// Enter waits at the gate. The caller must call leave once if there is no
// error.
func (g Gate) Enter(ctx context.Context, hash locator.Hash) (leave func(), err error) {
	if err := Ended(ctx, hash); err != nil {
		return nil, err
	}
	if g == nil {
		return func() {}, nil
	}
	select {
	case g <- struct{}{}:
		return func() { <-g }, nil
	case <-ctx.Done():
		return nil, Ended(ctx, hash)
	}
}
