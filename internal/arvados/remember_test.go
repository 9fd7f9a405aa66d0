// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
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

// TestThoseWhoLeaveWaitNoMore: clients that come with ever new tokens and leave
// at once do not make questions pile up behind an API server that hangs.
func TestThoseWhoLeaveWaitNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Options{URL: "http://zzzzz.example.org"})
		c.http.Transport = &stuck{}
		gone, leave := context.WithCancel(context.Background())
		leave()
		before := runtime.NumGoroutine()
		for i := range 5 * maxWaiting {
			if _, err := c.Caller(gone, secret(fmt.Sprint("token", i))); kindOf(t, err) != Unavailable {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > 3*(maxCalls+maxWaiting) {
			t.Errorf("%d goroutines are left", n)
		}
		time.Sleep(defaultTimeout)
		synctest.Wait()
		if n := c.waiting.Load(); n != 0 {
			t.Errorf("%d are counted when all have gone", n)
		}
	})
}
