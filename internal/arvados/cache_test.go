// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/arvados-s3/keepstore/creds"
)

// TestTrafficDoesNotProlong is case C-02: a token that is asked about every
// second is asked of the API server again after a minute.
func TestTrafficDoesNotProlong(t *testing.T) {
	api, clock := newScript(t), &clock{}
	c := newClient(t, Options{URL: api.URL, Now: clock.now})
	for second := range 60 {
		if _, err := c.Caller(context.Background(), secret("sesame")); err != nil {
			t.Fatal(err)
		}
		if second == 0 {
			api.set(tokenPath, says(401, noTokens)) // revoked
		}
		clock.advance(time.Second)
	}
	if n := api.called(tokenPath); n != 1 {
		t.Errorf("the API server was asked %d times in the first minute, want 1", n)
	}
	if _, err := c.Caller(context.Background(), secret("sesame")); kindOf(t, err) != TokenRefused {
		t.Errorf("after a minute: %v, want %s", err, TokenRefused)
	}
}

// TestAgeCountsFromTheQuestion: the answer may be as old as the question.
func TestAgeCountsFromTheQuestion(t *testing.T) {
	api, clock := newScript(t), &clock{}
	c := newClient(t, Options{URL: api.URL, Now: clock.now})
	api.set(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		says(200, goodToken)(w, r)
		clock.advance(9 * time.Second)
	})
	for _, step := range []struct {
		wait  time.Duration
		asked int
	}{{0, 1}, {50 * time.Second, 1}, {time.Second, 2}} {
		clock.advance(step.wait)
		if _, err := c.Caller(context.Background(), secret("sesame")); err != nil {
			t.Fatal(err)
		}
		if n := api.called(tokenPath); n != step.asked {
			t.Errorf("after %v more: asked %d times, want %d", step.wait, n, step.asked)
		}
	}
}

// TestRefusalsAreShort is case C-04.
func TestRefusalsAreShort(t *testing.T) {
	for _, status := range []int{401, 403, 404} {
		api, clock := newScript(t), &clock{}
		c := newClient(t, Options{URL: api.URL, Now: clock.now})
		api.set(tokenPath, says(status, noTokens))
		for range 10 {
			if _, err := c.Caller(context.Background(), secret("sesame")); err == nil {
				t.Fatal("no refusal")
			}
		}
		if n := api.called(tokenPath); n != 1 {
			t.Errorf("%d: asked %d times at once, want 1", status, n)
		}
		api.set(tokenPath, says(200, goodToken))
		if _, err := c.Caller(context.Background(), secret("another")); err != nil {
			t.Errorf("%d: another token suffers: %v", status, err)
		}
		clock.advance(FreshRefusal)
		if _, err := c.Caller(context.Background(), secret("sesame")); err != nil {
			t.Errorf("%d: granted, and still refused: %v", status, err)
		}
	}
}

// TestExpiryWhileRemembered is case C-03 for tokens.
func TestExpiryWhileRemembered(t *testing.T) {
	api, clock := newScript(t), &clock{}
	c := newClient(t, Options{URL: api.URL, Now: clock.now})
	api.set(tokenPath, says(200, `{"owner_uuid":"`+ann+`","scopes":["all"],"expires_at":"2026-01-01T12:00:10Z"}`))
	for range 10 {
		if _, err := c.Caller(context.Background(), secret("sesame")); err != nil {
			t.Fatal(err)
		}
		clock.advance(time.Second)
	}
	if _, err := c.Caller(context.Background(), secret("sesame")); kindOf(t, err) != TokenRefused {
		t.Errorf("%v, want %s", err, TokenRefused)
	}
}

// TestOneQuestionForMany is case C-05, with the first caller leaving.
func TestOneQuestionForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache[creds.Caller](time.Now, time.Minute)
		var asked atomic.Int64
		ask := func(ctx context.Context) (creds.Caller, time.Time, error) {
			asked.Add(1)
			select {
			case <-time.After(time.Second):
				return creds.Caller{UserUUID: ann}, time.Time{}, nil
			case <-ctx.Done():
				return creds.Caller{}, time.Time{}, unavailable(ctx.Err())
			}
		}
		first, leave := context.WithCancel(context.Background())
		left := make(chan error)
		go func() { _, err := c.get(first, "k", ask); left <- err }()
		synctest.Wait()
		var others errgroup.Group
		for range 199 {
			others.Go(func() error {
				got, err := c.get(context.Background(), "k", ask)
				if err == nil && got.UserUUID != ann {
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
		c := newCache[int](time.Now, 10*time.Second)
		never := func(ctx context.Context) (int, time.Time, error) {
			<-ctx.Done()
			return 0, time.Time{}, unavailable(ctx.Err())
		}
		start := time.Now()
		short, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if _, err := c.get(short, "k", never); kindOf(t, err) != Unavailable || time.Since(start) != 3*time.Second {
			t.Errorf("short: %v after %v", err, time.Since(start))
		}
		if _, err := c.get(context.Background(), "k", never); kindOf(t, err) != Unavailable || time.Since(start) != 10*time.Second {
			t.Errorf("long: %v after %v", err, time.Since(start))
		}
	})
}

// TestManyBadTokens is case C-06: 100,000 different invalid tokens take
// bounded memory and push no good token out.
func TestManyBadTokens(t *testing.T) {
	c := newCache[int](time.Now, time.Minute)
	good := func(context.Context) (int, time.Time, error) { return 7, time.Time{}, nil }
	bad := func(context.Context) (int, time.Time, error) { return 0, time.Time{}, refused("not known") }
	none := func(context.Context) (int, time.Time, error) {
		return 0, time.Time{}, unavailable(errors.New("asked again"))
	}
	if _, err := c.get(context.Background(), "good", good); err != nil {
		t.Fatal(err)
	}
	for i := range 100_000 {
		if _, err := c.get(context.Background(), fmt.Sprint("bad", i), bad); err == nil {
			t.Fatal("no refusal")
		}
	}
	if n := len(c.refused.items); n != maxRemembered || c.refused.order.Len() != n {
		t.Errorf("%d refusals are remembered, want %d", n, maxRemembered)
	}
	if got, err := c.get(context.Background(), "good", none); err != nil || got != 7 {
		t.Errorf("the good token was pushed out: %d, %v", got, err)
	}
	if _, err := c.get(context.Background(), "bad99999", none); kindOf(t, err) != TokenRefused {
		t.Errorf("the newest refusal is gone: %v", err)
	}
	if _, err := c.get(context.Background(), "bad0", none); kindOf(t, err) != Unavailable {
		t.Errorf("the oldest refusal stayed: %v", err)
	}
}

// TestKeysAreTheWholeToken: tokens that share a long beginning, or a UUID,
// are different tokens.
func TestKeysAreTheWholeToken(t *testing.T) {
	seen := map[string]string{}
	for _, token := range []string{"v2/u/sesame", "v2/u/sesame1", "v2/u/sesam", "sesame", "v2/v/sesame"} {
		key := cacheKey(secret(token), "")
		if other, taken := seen[key]; taken {
			t.Errorf("%s and %s share a key", token, other)
		}
		seen[key] = token
	}
}

// stuck is a network on which requests end with their context only.
type stuck struct{ now, most atomic.Int64 }

func (s *stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	defer s.now.Add(-1)
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestCallsAreLimited: no more than 64 requests are under way at once, and
// those that wait for a place wait no longer than the time limit.
func TestCallsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &stuck{}
		c := newClient(t, Options{URL: "http://zzzzz.example.org"})
		c.http.Transport = network
		start := time.Now()
		var callers sync.WaitGroup
		for i := range 4 * maxCalls {
			callers.Go(func() {
				_, err := c.Caller(context.Background(), secret(fmt.Sprint("token", i)))
				if kindOf(t, err) != Unavailable {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if network.now.Load() != maxCalls || network.most.Load() != maxCalls {
			t.Errorf("%d requests are under way, want %d", network.most.Load(), maxCalls)
		}
		callers.Wait()
		if waited := time.Since(start); waited != defaultTimeout {
			t.Errorf("waited %v, want %v", waited, defaultTimeout)
		}
	})
}
