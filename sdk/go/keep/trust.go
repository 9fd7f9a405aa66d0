// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

const (
	// trustTime is how long cached bytes of S3 are given without asking the
	// service whether it still allows that. The shim for Python has the same.
	trustTime = time.Minute
	// maxTrusted and maxMarks bound what is remembered. What is forgotten is
	// asked again.
	maxTrusted = 1 << 14
	maxMarks   = 8
)

// trusted says that the service gave a block to this client, or would have.
type trusted struct {
	at    time.Time
	marks []string // the locators that it accepted, with their signatures
}

// question is one to the service, for all readers that want to know.
type question struct {
	done chan struct{}
	err  error // set before done is closed
}

// aged reports whether rights to a block can be withdrawn, so that its cached
// bytes may not be given for ever. Ordinary blocks are given as stock clients
// do it: who has read one has its bytes.
func aged(l locator.Locator) bool { return pseudoblock.Is(l) }

// allowed returns nil when cached bytes of a block may be given: the service
// gave bytes of it to this client within the last minute, and has accepted this
// very locator. If not, it is asked; what it then refuses is forgotten.
func (c *Client) allowed(ctx context.Context, l locator.Locator) error {
	if !aged(l) {
		return nil
	}
	key := cacheKey(l)
	err := c.cache.allowed(ctx, key, l.String(), func(ctx context.Context) error {
		_, err := c.Head(ctx, l)
		return err
	})
	var refused *Error
	if errors.As(err, &refused) && refused.Status >= 400 && !temporary(err) && refused.Kind != Expired {
		c.cache.drop(key)
	}
	return err
}

// allowed asks, unless the answer of the last minute counts.
func (c *cache) allowed(ctx context.Context, key, mark string, ask func(context.Context) error) error {
	c.mu.Lock()
	if c.trusts(key, mark) {
		c.mu.Unlock()
		return nil
	}
	if c.closed {
		c.mu.Unlock()
		return fault(Unreachable, context.Canceled, "the Keep client is closed")
	}
	name := key + " " + mark
	q := c.asked[name]
	if q == nil {
		q = &question{done: make(chan struct{})}
		c.asked[name] = q
		c.wg.Go(func() { c.answer(q, name, key, mark, ask) })
	}
	c.mu.Unlock()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *cache) answer(q *question, name, key, mark string, ask func(context.Context) error) {
	begin := time.Now()
	q.err = ask(c.ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asked, name)
	if q.err == nil {
		c.trust(key, mark, begin)
	}
	close(q.done)
}

// given notes that the service began at a time to give bytes of a block.
func (c *cache) given(key, mark string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trust(key, mark, at)
}

// trusts and trust need mu.
func (c *cache) trusts(key, mark string) bool {
	t := c.trusted[key]
	return t != nil && time.Since(t.at) < trustTime && slices.Contains(t.marks, mark)
}

func (c *cache) trust(key, mark string, at time.Time) {
	t := c.trusted[key]
	if t == nil {
		c.makeRoom()
		t = &trusted{}
		c.trusted[key] = t
	}
	if t.at.Before(at) {
		t.at = at
	}
	if slices.Contains(t.marks, mark) {
		return
	}
	if len(t.marks) == maxMarks {
		t.marks = slices.Delete(t.marks, 0, 1)
	}
	t.marks = append(t.marks, mark)
}

// makeRoom forgets what is too old to count, or if that is not enough any half.
func (c *cache) makeRoom() {
	if len(c.trusted) < maxTrusted {
		return
	}
	for key, t := range c.trusted {
		if time.Since(t.at) >= trustTime {
			delete(c.trusted, key)
		}
	}
	for key := range c.trusted {
		if len(c.trusted) <= maxTrusted/2 {
			return
		}
		delete(c.trusted, key)
	}
}

// drop forgets all bytes of a block that are here.
func (c *cache) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.trusted, key)
	for _, s := range slices.Clone(c.blocks[key]) {
		if s.home != nil {
			c.evict(s)
		}
	}
}
