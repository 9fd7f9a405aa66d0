// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"container/list"
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

// cache keeps bytes of blocks, as spans of any size. Several readers that want
// one span wait for one fetch, which ends when nobody waits for it any more.
type cache struct {
	limit  int64
	flight *semaphore.Weighted // bytes that are being fetched
	ctx    context.Context     // of all fetches; it lives as long as the cache
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	blocks map[string][]*span // sorted by start, without overlap; guarded by mu, like the rest
	recent *list.List         // ready spans, the latest first
	used   int64              // bytes of these and of the passed ones
	// passed are ready spans that a stream has gone past, the latest first.
	// They may take an eighth of the cache, so that a long stream does not
	// drive out everything else, nor make the memory grow.
	passed     *list.List
	usedPassed int64
	closed     bool
	// trusted says by block until when what is here may be given, and asked
	// which questions about that are under way, by block and locator.
	trusted map[string]*trusted
	asked   map[string]*question
}

// spanOverhead is what a span costs besides its bytes.
const spanOverhead = 256

// span is a range of a block, here or on its way.
type span struct {
	key        string
	start, end int64
	ready      chan struct{}
	cancel     context.CancelFunc
	data       []byte // set before ready is closed
	err        error  // the same
	waiters    int    // guarded by the cache's mu, like what follows
	home       *list.List
	element    *list.Element
}

func (s *span) cost() int64 { return s.end - s.start + spanOverhead }

// fill fills p with the bytes of a block from offset on.
type fill func(ctx context.Context, p []byte, offset int64) error

func newCache(limit int64) *cache {
	ctx, cancel := context.WithCancel(context.Background())
	return &cache{limit: limit, flight: semaphore.NewWeighted(limit), ctx: ctx, cancel: cancel, blocks: map[string][]*span{},
		trusted: map[string]*trusted{}, asked: map[string]*question{}, recent: list.New(), passed: list.New()}
}

// close ends all fetches and waits for them.
func (c *cache) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

// get returns bytes of the block key from offset on: what is here, or is
// fetched now as at most want bytes.
func (c *cache) get(ctx context.Context, key string, offset, want int64, from fill) ([]byte, error) {
	for {
		s, err := c.join(key, offset, want, from)
		if err != nil {
			return nil, err
		}
		err = c.wait(ctx, s)
		if err == nil {
			return s.data[offset-s.start:], nil
		}
		if ctx.Err() != nil || c.ctx.Err() != nil || !isCanceled(err) {
			return nil, err
		}
	} // the fetch was given up by others in the moment that we joined it
}

// ahead starts to fetch what is missing of a range, and returns at once. It is
// given up with ctx.
func (c *cache) ahead(ctx context.Context, key string, offset, size int64, from fill) {
	for end := offset + size; offset < end; {
		s, err := c.join(key, offset, end-offset, from)
		if err != nil {
			return
		}
		go func() { _ = c.wait(ctx, s) }() // it ends with the fetch, and who needs the bytes is told
		offset = s.end
	}
}

func isCanceled(err error) bool { return err == context.Canceled }

// join finds the span that holds offset, or starts one.
func (c *cache) join(key string, offset, want int64, from fill) (*span, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fault(Unreachable, context.Canceled, "the Keep client is closed")
	}
	spans := c.blocks[key]
	i, found := position(spans, offset)
	if found {
		s := spans[i]
		s.waiters++
		if s.home != nil {
			c.move(s, c.recent)
		}
		return s, nil
	}
	end := offset + want
	if i < len(spans) {
		end = min(end, spans[i].start)
	}
	ctx, cancel := context.WithCancel(c.ctx)
	s := &span{key: key, start: offset, end: end, ready: make(chan struct{}), cancel: cancel, waiters: 1}
	c.blocks[key] = slices.Insert(spans, i, s)
	c.wg.Go(func() { c.fetch(ctx, s, from) })
	return s, nil
}

// position returns the span that holds offset, or where one would stand.
func position(spans []*span, offset int64) (i int, found bool) {
	i, _ = slices.BinarySearchFunc(spans, offset, func(s *span, at int64) int {
		if s.end <= at {
			return -1
		}
		return 1
	})
	return i, i < len(spans) && spans[i].start <= offset
}

// pass notes that a stream has gone past the byte before offset.
func (c *cache) pass(key string, offset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, found := position(c.blocks[key], offset-1)
	if !found || c.blocks[key][i].home != c.recent || c.blocks[key][i].end != offset {
		return
	}
	c.move(c.blocks[key][i], c.passed)
	for c.usedPassed > c.limit/8 {
		c.evict(c.passed.Back().Value.(*span))
	}
}

// move makes a ready span the first of a list.
func (c *cache) move(s *span, to *list.List) {
	c.leave(s)
	s.home, s.element = to, to.PushFront(s)
	if c.used += s.cost(); to == c.passed {
		c.usedPassed += s.cost()
	}
}

// leave takes a span out of its list.
func (c *cache) leave(s *span) {
	if s.home == nil {
		return
	}
	s.home.Remove(s.element)
	if c.used -= s.cost(); s.home == c.passed {
		c.usedPassed -= s.cost()
	}
	s.home, s.element = nil, nil
}

func (c *cache) fetch(ctx context.Context, s *span, from fill) {
	defer s.cancel()
	size := s.end - s.start
	weight := min(size, c.limit)
	err := c.flight.Acquire(ctx, weight)
	if err == nil {
		defer c.flight.Release(weight)
		data := make([]byte, size)
		if err = from(ctx, data, s.start); err == nil {
			s.data = data
		}
	}
	if err != nil && ctx.Err() != nil {
		err = context.Canceled
	}
	s.err = err
	c.mu.Lock()
	defer c.mu.Unlock()
	close(s.ready)
	if err != nil {
		c.forget(s)
		return
	}
	c.move(s, c.recent)
	for c.used > c.limit && c.recent.Len()+c.passed.Len() > 1 {
		oldest := c.passed.Back()
		if oldest == nil {
			oldest = c.recent.Back()
		}
		c.evict(oldest.Value.(*span))
	}
}

func (c *cache) evict(s *span) {
	c.leave(s)
	c.forget(s)
}

// forget takes a span out of its block.
func (c *cache) forget(s *span) {
	spans := c.blocks[s.key]
	if i := slices.Index(spans, s); i >= 0 {
		if spans = slices.Delete(spans, i, i+1); len(spans) == 0 {
			delete(c.blocks, s.key)
			return
		}
		c.blocks[s.key] = spans
	}
}

// wait waits for a span. The last one to leave before it is there ends the
// fetch.
func (c *cache) wait(ctx context.Context, s *span) error {
	select {
	case <-s.ready:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.waiters--
	select {
	case <-s.ready:
		return s.err
	default:
	}
	if s.waiters == 0 {
		s.cancel()
		c.forget(s) // the next reader starts anew
	}
	return ctx.Err()
}
