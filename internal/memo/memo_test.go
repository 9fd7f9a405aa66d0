// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package memo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/arvados-s3/keepstore/internal/memo"
)

const (
	fresh   = 60 * time.Second
	refusal = 5 * time.Second
	ahead   = 15 * time.Second
	most    = 10_000
)

type fault string

func (f fault) Error() string { return string(f) }

const (
	errRefused = fault("refused")
	errAgain   = fault("asked again")
)

func options(timeout time.Duration) memo.Options {
	return memo.Options{Fresh: fresh, FreshRefusal: refusal, Timeout: timeout, Most: most,
		Refusal: func(err error) bool { return err == errRefused }}
}

// source gives a number that grows with each question, or an error.
type source struct {
	asked int
	err   error
	ends  time.Duration // from the question; zero is no end of its own
}

func (s *source) ask(context.Context) (int, time.Time, error) {
	s.asked++
	if s.ends > 0 {
		return s.asked, time.Now().Add(s.ends), s.err
	}
	return s.asked, time.Time{}, s.err
}

// want gets an answer at once and compares it. 0 stands for an error.
func want(t *testing.T, m *memo.Memo[int], s *source, value int) {
	t.Helper()
	got, err := m.Get(t.Context(), "k", s.ask)
	synctest.Wait()
	if got != value && (value != 0 || err == nil) {
		t.Errorf("got %d, %v, want %d", got, err, value)
	}
}

// TestAhead: an answer in use is asked for again before its end, while the old
// one serves, and lives from its own question on.
func TestAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(time.Minute)
		o.Ahead = ahead
		m, s := memo.New[int](o), &source{}
		want(t, m, s, 1)
		time.Sleep(fresh - ahead - time.Second)
		want(t, m, s, 1)
		time.Sleep(time.Second)
		want(t, m, s, 1) // asks, and does not wait
		want(t, m, s, 2)
		time.Sleep(fresh)
		want(t, m, s, 3) // nobody used it in time: waits
	})
}

// TestAheadFails: what cannot be asked now serves to its end and no longer,
// with few tries; a refusal is heard at once.
func TestAheadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(time.Minute)
		o.Ahead = ahead
		m, s := memo.New[int](o), &source{}
		want(t, m, s, 1)
		s.err = errAgain
		for range 60 {
			want(t, m, s, 1)
			time.Sleep(time.Second)
		}
		if s.asked > 4 {
			t.Errorf("asked %d times while there was no answer", s.asked)
		}
		want(t, m, s, 0)
		s.err = nil
		got, _ := m.Get(t.Context(), "k", s.ask)
		time.Sleep(fresh - ahead)
		s.err = errRefused
		want(t, m, s, got)
		want(t, m, s, 0)
	})
}

// TestEnds: an answer with an end of its own lives no longer.
func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := memo.New[int](options(time.Minute)), &source{ends: 10 * time.Second}
		want(t, m, s, 1)
		time.Sleep(10*time.Second - 1)
		want(t, m, s, 1)
		time.Sleep(time.Nanosecond)
		want(t, m, s, 2)
	})
}

// TestRenew: a useless answer is asked for again, but not all the time.
func TestRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := memo.New[int](options(time.Minute)), &source{}
		want(t, m, s, 1)
		m.Renew("k")
		want(t, m, s, 1)
		time.Sleep(refusal)
		m.Renew("k")
		want(t, m, s, 2)
		m.Renew("another")
	})
}

// TestOneQuestionForMany is case C-05, with the first caller leaving.
func TestOneQuestionForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memo.New[string](options(time.Minute))
		var asked atomic.Int64
		ask := func(ctx context.Context) (string, time.Time, error) {
			asked.Add(1)
			select {
			case <-time.After(time.Second):
				return "ann", time.Time{}, nil
			case <-ctx.Done():
				return "", time.Time{}, ctx.Err()
			}
		}
		first, leave := context.WithCancel(context.Background())
		left := make(chan error)
		go func() { _, err := c.Get(first, "k", ask); left <- err }()
		synctest.Wait()
		var others errgroup.Group
		for range 199 {
			others.Go(func() error {
				got, err := c.Get(context.Background(), "k", ask)
				if err == nil && got != "ann" {
					err = errors.New("another answer")
				}
				return err
			})
		}
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the first caller got %v", err)
		}
		if err := others.Wait(); err != nil {
			t.Error(err)
		}
		if asked.Load() != 1 {
			t.Errorf("asked %d times, want 1", asked.Load())
		}
	})
}

// TestQuestionsEnd: a question that nobody answers ends by the time limit,
// and each waiter by its own.
func TestQuestionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memo.New[int](options(10 * time.Second))
		never := func(ctx context.Context) (int, time.Time, error) {
			<-ctx.Done()
			return 0, time.Time{}, ctx.Err()
		}
		start := time.Now()
		short, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if _, err := c.Get(short, "k", never); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("short: %v after %v", err, time.Since(start))
		}
		if _, err := c.Get(context.Background(), "k", never); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 10*time.Second {
			t.Errorf("long: %v after %v", err, time.Since(start))
		}
	})
}

// TestManyBadTokens is case C-06: 100,000 different invalid tokens take
// bounded memory and push no good token out.
func TestManyBadTokens(t *testing.T) {
	c := memo.New[int](options(time.Minute))
	good := func(context.Context) (int, time.Time, error) { return 7, time.Time{}, nil }
	bad := func(context.Context) (int, time.Time, error) { return 0, time.Time{}, errRefused }
	none := func(context.Context) (int, time.Time, error) {
		return 0, time.Time{}, errAgain
	}
	if _, err := c.Get(context.Background(), "good", good); err != nil {
		t.Fatal(err)
	}
	for i := range 100_000 {
		if _, err := c.Get(context.Background(), fmt.Sprint("bad", i), bad); err == nil {
			t.Fatal("no refusal")
		}
	}
	if got, err := c.Get(context.Background(), "good", none); err != nil || got != 7 {
		t.Errorf("the good token was pushed out: %d, %v", got, err)
	}
	if _, err := c.Get(context.Background(), "bad99999", none); err != errRefused {
		t.Errorf("the newest refusal is gone: %v", err)
	}
	if _, err := c.Get(context.Background(), "bad0", none); err != errAgain {
		t.Errorf("the oldest refusal stayed: %v", err)
	}
}

// TestPanic is case D-08: a fault in a question is an error for those who wait
// for its answer, and nothing for others. It does not show what it held.
func TestPanic(t *testing.T) {
	c := memo.New[int](options(time.Minute))
	for range 2 {
		_, err := c.Get(t.Context(), "k", func(context.Context) (int, time.Time, error) { panic("hunter2") })
		if err == nil || !strings.Contains(err.Error(), "panic") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
	if got, err := c.Get(t.Context(), "k", func(context.Context) (int, time.Time, error) { return 7, time.Time{}, nil }); err != nil || got != 7 {
		t.Errorf("the next: %d, %v", got, err)
	}
}
