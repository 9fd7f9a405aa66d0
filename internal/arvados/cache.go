// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"container/list"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// How long answers are remembered, and how many.
const (
	// Fresh is the longest time that an answer is used.
	Fresh = 60 * time.Second
	// FreshRefusal is the longest time that a refusal is used.
	FreshRefusal = 5 * time.Second
	// maxRemembered bounds the answers and, apart from them, the refusals.
	maxRemembered = 10_000
)

// answer is what a fetch gave, and until when it holds.
type answer[V any] struct {
	value V
	err   error
	until time.Time
}

// fetch asks the API server. A time that is not zero ends the life of the
// value early.
type fetch[V any] func(ctx context.Context) (V, time.Time, error)

// cache remembers answers by key and lets one fetch serve many waiters.
type cache[V any] struct {
	now     func() time.Time
	timeout time.Duration
	flights singleflight.Group

	mu sync.Mutex
	// Refusals have a space of their own: a flood of bad tokens must not
	// push out the good ones.
	good, refused *shelf[V]
}

func newCache[V any](now func() time.Time, timeout time.Duration) *cache[V] {
	return &cache[V]{now: now, timeout: timeout, good: newShelf[V](maxRemembered), refused: newShelf[V](maxRemembered)}
}

// get returns the remembered answer, or waits for a fetch as long as ctx
// allows. The fetch itself is not tied to ctx.
func (c *cache[V]) get(ctx context.Context, key string, f fetch[V]) (V, error) {
	if a, ok := c.lookup(key); ok {
		return a.value, a.err
	}
	flight := c.flights.DoChan(key, func() (any, error) { return c.fill(context.WithoutCancel(ctx), key, f), nil })
	select {
	case r := <-flight:
		a := r.Val.(answer[V])
		return a.value, a.err
	case <-ctx.Done():
		var none V
		return none, unavailable(context.Cause(ctx))
	}
}

func (c *cache[V]) lookup(key string) (answer[V], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if a, ok := c.good.get(key); ok && now.Before(a.until) {
		return a, true
	}
	a, ok := c.refused.get(key)
	return a, ok && now.Before(a.until)
}

// fill fetches and remembers. It looks again first, since another flight may
// have landed between a caller's look and this one's take-off.
func (c *cache[V]) fill(ctx context.Context, key string, f fetch[V]) answer[V] {
	if a, ok := c.lookup(key); ok {
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	asked := c.now()
	value, ends, err := f(ctx)
	a := answer[V]{value: value, err: err, until: asked.Add(Fresh)}
	if !ends.IsZero() && ends.Before(a.until) {
		a.until = ends
	}
	if err != nil {
		a.until = asked.Add(FreshRefusal)
	}
	c.remember(key, a)
	return a
}

func (c *cache[V]) remember(key string, a answer[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good.remove(key)
	c.refused.remove(key)
	switch {
	case a.err == nil:
		c.good.add(key, a)
	case isRefusal(a.err):
		c.refused.add(key, a)
	}
}

// shelf holds a bounded number of answers; the oldest leaves first.
type shelf[V any] struct {
	most  int
	items map[string]*list.Element
	order *list.List // of *slot[V], oldest in front
}

type slot[V any] struct {
	key    string
	answer answer[V]
}

func newShelf[V any](most int) *shelf[V] {
	return &shelf[V]{most: most, items: map[string]*list.Element{}, order: list.New()}
}

func (s *shelf[V]) get(key string) (answer[V], bool) {
	e, ok := s.items[key]
	if !ok {
		return answer[V]{}, false
	}
	return e.Value.(*slot[V]).answer, true
}

func (s *shelf[V]) add(key string, a answer[V]) {
	for len(s.items) >= s.most {
		s.remove(s.order.Front().Value.(*slot[V]).key)
	}
	s.items[key] = s.order.PushBack(&slot[V]{key, a})
}

func (s *shelf[V]) remove(key string) {
	if e, ok := s.items[key]; ok {
		s.order.Remove(e)
		delete(s.items, key)
	}
}
