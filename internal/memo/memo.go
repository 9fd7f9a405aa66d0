// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package memo

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Options say how long answers live. Fresh, Timeout and Most are required.
type Options struct {
	// Fresh is the longest time that an answer is used, counted from its
	// question; FreshRefusal is the same for refusals.
	Fresh, FreshRefusal time.Duration
	// Ahead is how long before the end of its life an answer that is in use
	// is asked for again, while the old one still serves. Zero means never.
	Ahead time.Duration
	// Timeout bounds one question.
	Timeout time.Duration
	// Most bounds the answers and, apart from them, the refusals.
	Most int
	// Refusal tells errors that are remembered from those that are not; nil
	// means none are.
	Refusal func(error) bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Ask gets an answer. A time that is not zero ends the answer's life early.
type Ask[V any] func(ctx context.Context) (V, time.Time, error)

// Memo remembers answers by key. It is safe for concurrent use.
type Memo[V any] struct {
	o       Options
	flights singleflight.Group

	mu            sync.Mutex
	good, refused *shelf[V] // guarded by mu
}

// answer is what a question gave, and until when it holds.
type answer[V any] struct {
	value V
	err   error
	asked time.Time
	until time.Time
	// again is when to ask for it ahead of its end; zero means never.
	again time.Time
}

// New returns an empty Memo.
func New[V any](o Options) *Memo[V] {
	if o.Refusal == nil {
		o.Refusal = func(error) bool { return false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Memo[V]{o: o, good: newShelf[V](o.Most), refused: newShelf[V](o.Most)}
}

// Get returns the remembered answer, or asks and waits as long as ctx allows.
// One who leaves gets the cause of ctx. The question itself outlives ctx.
func (m *Memo[V]) Get(ctx context.Context, key string, ask Ask[V]) (V, error) {
	if a, ok := m.lookup(key); ok {
		if m.due(key, a) {
			m.flights.DoChan(key, func() (any, error) { return m.ask(context.WithoutCancel(ctx), key, ask), nil })
		}
		return a.value, a.err
	}
	flight := m.flights.DoChan(key, func() (any, error) { return m.fill(context.WithoutCancel(ctx), key, ask), nil })
	select {
	case r := <-flight:
		a := r.Val.(answer[V])
		return a.value, a.err
	case <-ctx.Done():
		var none V
		return none, context.Cause(ctx)
	}
}

// Renew forgets a good answer that turned out to be of no use. One that is
// younger than FreshRefusal stays: asking again at once would not help, and
// who knows how to make answers fail must not make us ask all the time.
func (m *Memo[V]) Renew(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.good.get(key); ok && m.o.Now().Sub(a.asked) >= m.o.FreshRefusal {
		m.good.remove(key)
	}
}

func (m *Memo[V]) lookup(key string) (answer[V], bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.o.Now()
	if a, ok := m.good.get(key); ok && now.Before(a.until) {
		return a, true
	}
	a, ok := m.refused.get(key)
	return a, ok && now.Before(a.until)
}

// due reports whether to ask ahead for a, and puts off the next try, so that
// an answer that cannot be had is not asked for with every request.
func (m *Memo[V]) due(key string, a answer[V]) bool {
	if a.again.IsZero() || m.o.Now().Before(a.again) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	current, ok := m.good.get(key)
	if !ok || !current.again.Equal(a.again) {
		return false
	}
	current.again = m.o.Now().Add(m.o.FreshRefusal + time.Second)
	m.good.set(key, current)
	return true
}

// fill looks again before it asks, since another flight may have landed
// between a caller's look and this one's take-off.
func (m *Memo[V]) fill(ctx context.Context, key string, ask Ask[V]) answer[V] {
	if a, ok := m.lookup(key); ok {
		return a
	}
	return m.ask(ctx, key, ask)
}

func (m *Memo[V]) ask(ctx context.Context, key string, ask Ask[V]) answer[V] {
	ctx, cancel := context.WithTimeout(ctx, m.o.Timeout)
	defer cancel()
	asked := m.o.Now()
	value, ends, err := safely(ctx, ask)
	a := answer[V]{value: value, err: err, asked: asked, until: asked.Add(m.o.Fresh)}
	if !ends.IsZero() && ends.Before(a.until) {
		a.until = ends
	}
	if m.o.Ahead > 0 {
		a.again = a.until.Add(-m.o.Ahead)
	}
	if err != nil {
		a.until, a.again = asked.Add(m.o.FreshRefusal), time.Time{}
	}
	m.remember(key, a)
	return a
}

// safely makes a panic an error: a question runs apart from all requests, so
// that nothing else would keep it from ending the process. What it says is left
// out, since it may be a part of a secret.
func safely[V any](ctx context.Context, ask Ask[V]) (value V, ends time.Time, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("a question ended in a panic (%T): %s", fault, debug.Stack())
		}
	}()
	return ask(ctx)
}

// remember keeps a. An error that says nothing leaves what is known, for the
// rest of its life.
func (m *Memo[V]) remember(key string, a answer[V]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	refusal := a.err != nil && m.o.Refusal(a.err)
	if a.err == nil || refusal {
		m.good.remove(key)
		m.refused.remove(key)
	}
	switch {
	case refusal:
		m.refused.set(key, a)
	case a.err == nil:
		m.good.set(key, a)
	}
}
