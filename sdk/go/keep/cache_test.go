// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source gives bytes that tell their offset, and notes what it is asked for.
type source struct {
	mu    sync.Mutex
	asked [][2]int64
	err   error
	delay time.Duration
}

func (s *source) fill(ctx context.Context, p []byte, offset int64) error {
	s.mu.Lock()
	s.asked = append(s.asked, [2]int64{offset, offset + int64(len(p))})
	err := s.err
	s.mu.Unlock()
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	for i := range p {
		p[i] = byte(offset + int64(i))
	}
	return err
}

func (s *source) want(t *testing.T, spans ...[2]int64) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.asked, spans) {
		t.Errorf("asked for %v, want %v", s.asked, spans)
	}
	s.asked = nil
}

// all reads a range whole.
func all(t *testing.T, c *cache, s *source, from, to int64) {
	t.Helper()
	for at := from; at < to; {
		b, err := c.get(context.Background(), "key", at, to-at, s.fill)
		if err != nil || len(b) == 0 {
			t.Fatalf("at %d: %d bytes, %v", at, len(b), err)
		}
		for i, got := range b {
			if got != byte(at+int64(i)) {
				t.Fatalf("byte %d is %d", at+int64(i), got)
			}
		}
		at += int64(len(b))
	}
}

// TestCacheSpans: just the missing parts of a range are fetched.
func TestCacheSpans(t *testing.T) {
	c, s := newCache(1<<20), &source{}
	defer c.close()
	all(t, c, s, 100, 200)
	all(t, c, s, 100, 200)
	all(t, c, s, 150, 160)
	s.want(t, [2]int64{100, 200})
	all(t, c, s, 50, 250)
	s.want(t, [2]int64{50, 100}, [2]int64{200, 250})
	all(t, c, s, 0, 300)
	s.want(t, [2]int64{0, 50}, [2]int64{250, 300})
	if b, err := c.get(context.Background(), "another", 100, 10, s.fill); err != nil || len(b) != 10 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	s.want(t, [2]int64{100, 110}) // another block is not this one
}

// TestCacheBound: what was not read for long goes first.
func TestCacheBound(t *testing.T) {
	c, s := newCache(10*(1000+spanOverhead)), &source{}
	defer c.close()
	for i := range int64(20) {
		all(t, c, s, i*1000, i*1000+1000)
		all(t, c, s, 0, 1000) // stays
	}
	if c.used > c.limit || c.recent.Len() > 10 {
		t.Errorf("%d bytes of %d are kept, in %d spans", c.used, c.limit, c.recent.Len())
	}
	s.asked = nil
	all(t, c, s, 0, 1000)
	all(t, c, s, 19000, 20000)
	s.want(t)
	all(t, c, s, 2000, 3000)
	s.want(t, [2]int64{2000, 3000})
	all(t, c, s, 0, 1<<16) // larger than the cache
}

// TestCachePassed: what a stream has gone past takes little room, and what was
// read otherwise stays.
func TestCachePassed(t *testing.T) {
	c, s := newCache(16*(1000+spanOverhead)), &source{}
	defer c.close()
	for i := range int64(8) {
		all(t, c, s, -1000*(i+1), -1000*i) // other reads
	}
	for i := range int64(100) {
		all(t, c, s, i*1000, i*1000+1000)
		c.pass("key", i*1000+1000)
		c.pass("key", i*1000+500) // in the middle of a span
		c.pass("another", 1000)
	}
	if c.passed.Len() != 2 || c.recent.Len() != 8 || c.used != 10*(1000+spanOverhead) || c.usedPassed != 2*(1000+spanOverhead) {
		t.Errorf("%d passed of %d bytes, %d recent, %d bytes", c.passed.Len(), c.usedPassed, c.recent.Len(), c.used)
	}
	s.asked = nil
	all(t, c, s, -8000, 0)
	all(t, c, s, 98000, 100000)
	s.want(t)
	if c.passed.Len() != 0 || c.usedPassed != 0 {
		t.Errorf("what was read again still counts as passed: %d", c.passed.Len())
	}
}

// TestCacheShares: many wait for one fetch; one that gives up disturbs nobody,
// and when all have given up the fetch ends.
func TestCacheShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newCache(1<<20), &source{delay: time.Minute}
		defer c.close()
		impatient, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 10 {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = impatient
			}
			wg.Go(func() {
				b, err := c.get(ctx, "key", 0, 100, s.fill)
				if i%2 == 0 && !errors.Is(err, context.Canceled) || i%2 == 1 && (err != nil || len(b) != 100) {
					t.Errorf("reader %d: %d bytes, %v", i, len(b), err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		s.want(t, [2]int64{0, 100})

		start := time.Now()
		if _, err := c.get(impatient, "key", 500, 100, s.fill); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if time.Since(start) != 0 || len(c.blocks["key"]) != 1 {
			t.Errorf("the fetch goes on, or is remembered: %d spans", len(c.blocks["key"]))
		}
	})
}

// TestCacheFailure: an error goes to all who wait, and is not kept.
func TestCacheFailure(t *testing.T) {
	c, s := newCache(1<<20), &source{err: errors.New("no")}
	defer c.close()
	for range 2 {
		if _, err := c.get(context.Background(), "key", 0, 100, s.fill); err == nil || err.Error() != "no" {
			t.Errorf("got %v", err)
		}
	}
	s.want(t, [2]int64{0, 100}, [2]int64{0, 100})
	s.err = nil
	all(t, c, s, 0, 100)
}

// TestCacheAhead: what is fetched ahead is not fetched again, and ends with
// its context.
func TestCacheAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newCache(1<<20), &source{delay: time.Second}
		defer c.close()
		all(t, c, s, 50, 60)
		ctx, cancel := context.WithCancel(t.Context())
		c.ahead(ctx, "key", 0, 100, s.fill)
		all(t, c, s, 0, 100)
		slices.SortFunc(s.asked, func(a, b [2]int64) int { return bytes.Compare([]byte{byte(a[0])}, []byte{byte(b[0])}) })
		s.want(t, [2]int64{0, 50}, [2]int64{50, 60}, [2]int64{60, 100})
		c.ahead(ctx, "key", 1000, 100, s.fill)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if n := len(c.blocks["key"]); n != 3 {
			t.Errorf("there are %d spans", n)
		}
	})
}

// TestCacheClosed: after close nothing is fetched.
func TestCacheClosed(t *testing.T) {
	c, s := newCache(1<<20), &source{}
	c.close()
	if _, err := c.get(context.Background(), "key", 0, 100, s.fill); !Is(err, Unreachable) {
		t.Errorf("got %v", err)
	}
}

func TestErrorWords(t *testing.T) {
	for _, kind := range Kinds() {
		err := error(&Error{Kind: kind, Text: "text", Err: context.Canceled})
		if !errors.Is(err, &Error{Kind: kind}) || errors.Is(err, &Error{Kind: kind + "x"}) || !errors.Is(err, context.Canceled) || err.Error() != "text" {
			t.Errorf("%s does not match itself alone", kind)
		}
		if (&Error{Kind: kind}).Word() != string(kind) {
			t.Errorf("%s has another word", kind)
		}
	}
}
