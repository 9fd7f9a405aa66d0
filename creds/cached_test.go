// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// upstream hands out keys named 1, 2, 3, …, in a time and with a life that
// the test sets. Only one fetch runs at a time, so it needs no lock.
type upstream struct {
	takes, life time.Duration
	fail        error
	fetches     int
}

func (u *upstream) Retrieve(ctx context.Context) (aws.Credentials, error) {
	u.fetches++
	select {
	case <-time.After(u.takes):
	case <-ctx.Done():
		return aws.Credentials{}, ctx.Err()
	}
	if u.fail != nil {
		return aws.Credentials{}, u.fail
	}
	return aws.Credentials{
		AccessKeyID: strconv.Itoa(u.fetches), SecretAccessKey: "s", CanExpire: true, Expires: time.Now().Add(u.life),
	}, nil
}

// ask retrieves once and returns the key, or the kind of the error.
func ask(ctx context.Context, p aws.CredentialsProvider) string {
	got, err := p.Retrieve(ctx)
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Word()
	case err != nil:
		return err.Error()
	}
	return got.AccessKeyID
}

func expect(t *testing.T, c *cached, want string) {
	t.Helper()
	if got := ask(t.Context(), c); got != want {
		t.Errorf("at %v: got %s, want %s", time.Now().Format(time.TimeOnly), got, want)
	}
}

func TestCachedRefreshesBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCached(&Endpoint{Name: "e"}, &upstream{life: 30 * time.Minute})
		expect(t, c, "1")
		time.Sleep(24 * time.Minute)
		expect(t, c, "1")
		time.Sleep(2 * time.Minute)
		expect(t, c, "2")
	})
}

func TestCachedRefreshesEachHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCached(&Endpoint{Name: "e"}, &upstream{life: 6 * time.Hour})
		expect(t, c, "1")
		time.Sleep(59 * time.Minute)
		expect(t, c, "1")
		time.Sleep(2 * time.Minute)
		expect(t, c, "2")
	})
}

func TestCachedShortLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCached(&Endpoint{Name: "e"}, &upstream{life: 2 * time.Minute})
		expect(t, c, "1")
		time.Sleep(50 * time.Second)
		expect(t, c, "1")
		time.Sleep(20 * time.Second)
		expect(t, c, "2")
	})
}

// TestCachedOutage: what could not be renewed serves until its real end, not
// longer, and comes back by itself.
func TestCachedOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{life: 2 * time.Hour}
		c := newCached(&Endpoint{Name: "e"}, u)
		expect(t, c, "1")
		u.fail = errors.New("down")
		time.Sleep(61 * time.Minute)
		expect(t, c, "1")
		if u.fetches != 2 {
			t.Errorf("%d fetches: the outage was not met", u.fetches)
		}
		expect(t, c, "1")
		if u.fetches != 2 {
			t.Errorf("%d fetches: each request waits for the service that is down", u.fetches)
		}
		time.Sleep(58 * time.Minute)
		expect(t, c, "1")
		time.Sleep(2 * time.Minute)
		expect(t, c, string(Unavailable))
		u.fail = nil
		expect(t, c, strconv.Itoa(u.fetches+1))
	})
}

// TestCachedRetriesSoon: a short outage does not put off the refresh.
func TestCachedRetriesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{life: 2 * time.Hour, fail: errors.New("down")}
		c := newCached(&Endpoint{Name: "e"}, u)
		expect(t, c, string(Unavailable))
		u.fail = nil
		expect(t, c, "2")
		u.fail = errors.New("down")
		time.Sleep(61 * time.Minute)
		expect(t, c, "2")
		u.fail = nil
		time.Sleep(retryAfter)
		expect(t, c, "4")
	})
}

// TestUncached: the cache inside the SDK's default chain does not keep ours
// from getting new credentials in time.
func TestUncached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCached(&Endpoint{Name: "e"}, uncached(aws.NewCredentialsCache(&upstream{life: 30 * time.Minute})))
		expect(t, c, "1")
		time.Sleep(26 * time.Minute)
		expect(t, c, "2")
	})
}

// TestCachedOneFetch: 200 callers, one fetch, which survives the first of
// them.
func TestCachedOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{life: time.Hour, takes: time.Second}
		c := newCached(&Endpoint{Name: "e"}, u)
		first, leave := context.WithCancel(t.Context())
		left, rest := make(chan string, 1), make(chan string, 200)
		go func() { left <- ask(first, c) }()
		synctest.Wait()
		for range cap(rest) {
			go func() { rest <- ask(t.Context(), c) }()
		}
		synctest.Wait()
		leave()
		if got := <-left; got != context.Canceled.Error() {
			t.Errorf("the caller who left got %s", got)
		}
		for range cap(rest) {
			if got := <-rest; got != "1" {
				t.Errorf("a caller who stayed got %s", got)
			}
		}
		if u.fetches != 1 {
			t.Errorf("%d fetches", u.fetches)
		}
	})
}

// TestCachedFetchEnds: a service that never answers fails the fetch in time.
func TestCachedFetchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCached(&Endpoint{Name: "lab"}, &upstream{takes: time.Hour})
		start := time.Now()
		_, err := c.Retrieve(t.Context())
		var e *Error
		if !errors.As(err, &e) || e.Kind != Unavailable || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(e.Text, "lab") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != fetchLimit {
			t.Errorf("it took %v", took)
		}
	})
}

func TestCachedInvalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCached(&Endpoint{Name: "e"}, &upstream{life: time.Hour})
		expect(t, c, "1")
		time.Sleep(invalidAfter)
		c.Invalidate()
		expect(t, c, "2")
		expect(t, c, "2")
	})
}

// TestCachedInvalidateIsNoStorm: where S3 refuses the credentials every time, as
// for a bucket of somebody else's service, reads do not become fetches.
func TestCachedInvalidateIsNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{life: time.Hour}
		c := newCached(&Endpoint{Name: "e"}, u)
		for range 600 {
			if got := ask(t.Context(), c); got == string(Unavailable) {
				t.Fatal(got)
			}
			c.Invalidate()
			time.Sleep(time.Second / 10)
		}
		if u.fetches < 10 || u.fetches > 13 {
			t.Errorf("%d fetches in a minute", u.fetches)
		}
	})
}

// TestCachedInvalidateInAnOutage: that S3 refused the credentials once does not
// lose those that still live.
func TestCachedInvalidateInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{life: time.Hour}
		c := newCached(&Endpoint{Name: "e"}, u)
		expect(t, c, "1")
		time.Sleep(10 * time.Minute)
		u.fail = errors.New("the metadata service is down")
		c.Invalidate()
		expect(t, c, "1")
		time.Sleep(retryAfter)
		u.fail = nil
		expect(t, c, "3")
		u.fail = errors.New("the metadata service is down")
		time.Sleep(time.Hour)
		expect(t, c, string(Unavailable))
	})
}

func TestCachedRefusesDeadCredentials(t *testing.T) {
	expect(t, newCached(&Endpoint{Name: "e"}, &upstream{life: -time.Second}), string(Unavailable))
}
