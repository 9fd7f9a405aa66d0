// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// allowing is a Keep service that gives blocks as long as it has no word against
// it, in this process.
type allowing struct {
	mu     sync.Mutex
	asked  []string // methods; guarded by mu
	word   string
	status int
	down   bool
	delay  time.Duration
}

// RoundTrip answers.
func (a *allowing) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(a.delay)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method)
	w := httptest.NewRecorder()
	switch {
	case a.down:
		return nil, errors.New("no route to host")
	case a.word != "":
		w.Header().Set("X-Keep-Error", a.word)
		w.WriteHeader(a.status)
	default:
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(strings.Repeat("0123456789", 1000)))
	}
	result := w.Result()
	result.Request = r
	result.ContentLength, _ = strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64) // 0 without
	return result, nil
}

// set changes the answers.
func (a *allowing) set(word string, status int, down bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.word, a.status, a.down = word, status, down
}

// want compares what was asked since the last time.
func (a *allowing) want(t *testing.T, when, methods string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if got := strings.Join(a.asked, " "); got != methods {
		t.Errorf("%s: asked %q, want %q", when, got, methods)
	}
	a.asked = nil
}

// client is one of the service.
func (a *allowing) client(t *testing.T) *Client {
	t.Helper()
	server, err := api.New(api.Settings{Host: "http://api.example.org", Token: api.NewToken(hostileToken)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(server, Options{Services: []string{"http://keep.example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	c.http = &http.Client{Transport: a}
	t.Cleanup(func() { c.Close(); server.Close() })
	return c
}

// extentOf is a block of 10,000 bytes, signed in two ways.
func extentOf(t *testing.T, form pseudoblock.Form) (first, second locator.Locator) {
	t.Helper()
	e := pseudoblock.Extent{Object: locator.Object{Bucket: "bucket", Key: "key", VersionID: "v1"}, Size: 10_000}
	l, err := e.Locator(form)
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, l.String()+"+A0123456789abcdef0123456789abcdef01234567@7fffffff"), parsed(t, l.String()+"+A76543210fedcba9876543210fedcba9876543210@7fffffff")
}

func read(t *testing.T, c *Client, l locator.Locator, offset, size int64) error {
	t.Helper()
	b, err := c.View(t.Context(), l, offset, size)
	if err == nil && (int64(len(b)) != size || b[0] != byte('0'+offset%10)) {
		t.Errorf("read %d bytes at %d: %.20q", len(b), offset, b)
	}
	return err
}

// TestWithdrawn: cached bytes of S3 are given for a minute, then after one
// question for all of the block and all readers, and not when the answer is no.
func TestWithdrawn(t *testing.T) {
	for _, form := range []pseudoblock.Form{pseudoblock.Derived, pseudoblock.Opaque} {
		synctest.Test(t, func(t *testing.T) {
			service := &allowing{delay: time.Second}
			c := service.client(t)
			l, _ := extentOf(t, form)
			many := func(when, methods string, want Kind) {
				t.Helper()
				var all sync.WaitGroup
				for i := range int64(20) {
					all.Go(func() {
						if err := read(t, c, l, i*100, 10); want == "" && err != nil || want != "" && !Is(err, want) {
							t.Errorf("%s: %v", when, err)
						}
					})
				}
				all.Wait()
				service.want(t, when, methods)
			}
			if err := read(t, c, l, 0, 5000); err != nil {
				t.Fatal(err)
			}
			service.want(t, "first", "GET")
			time.Sleep(58 * time.Second)
			service.set("s3-denied", http.StatusForbidden, false)
			many("withdrawn within a minute", "", "")
			time.Sleep(2 * time.Second)
			service.set("", 0, false)
			many("after a minute", "HEAD", "")
			time.Sleep(58 * time.Second)
			many("within a minute of that", "", "")
			time.Sleep(2 * time.Second)
			service.set("", 0, true)
			many("not reachable", "HEAD HEAD HEAD HEAD", Unreachable)
			service.set("", 0, false)
			many("reachable again", "HEAD", "")
			time.Sleep(time.Minute)
			service.set("s3-denied", http.StatusForbidden, false)
			many("withdrawn", "HEAD", "s3-denied")
			service.set("", 0, false)
			if err := read(t, c, l, 0, 10); err != nil {
				t.Error(err)
			}
			service.want(t, "given again", "GET") // what was refused is not kept
		})
	}
}

// TestOtherSignature: a locator that the service has not accepted gives nothing
// out of the cache, and one that it has is not asked about twice.
func TestOtherSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &allowing{}
		c := service.client(t)
		l, other := extentOf(t, pseudoblock.Derived)
		for range 2 {
			for _, l := range []locator.Locator{l, other} {
				if err := read(t, c, l, 0, 10); err != nil {
					t.Error(err)
				}
			}
		}
		service.want(t, "two signatures", "GET HEAD")
		service.set("bad-signature", http.StatusBadRequest, false)
		if err := read(t, c, l.Unsigned(), 0, 10); !Is(err, BadSignature) {
			t.Errorf("unsigned: %v", err)
		}
		service.want(t, "unsigned", "HEAD")
	})
}

// TestStreamAsksNothing: bytes that were fetched just now need no question, and
// ordinary blocks never do, as with stock clients.
func TestStreamAsksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &allowing{}
		c := service.client(t)
		l, _ := extentOf(t, pseudoblock.Derived)
		for at := int64(0); at < 10_000; at += 1000 {
			time.Sleep(50 * time.Second)
			if err := read(t, c, l, at, 1000); err != nil {
				t.Error(err)
			}
		}
		service.want(t, "a slow stream", strings.TrimSpace(strings.Repeat("GET ", 10)))
		plain := parsed(t, "2bb571599a4180e1d542f76904adc3df+10000")
		for range 3 {
			if err := read(t, c, plain, 500, 10); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Hour)
		}
		service.want(t, "an ordinary block", "GET")
	})
}

// TestTrustBound: what is remembered of many blocks and signatures is bounded.
func TestTrustBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(1 << 20)
		defer c.close()
		for i := range 3 * maxTrusted {
			c.given(strconv.Itoa(i), "mark", time.Now())
			c.given("one", strconv.Itoa(i), time.Now())
		}
		if n, marks := len(c.trusted), 0; n > maxTrusted {
			t.Errorf("%d blocks are remembered", n)
		} else if one := c.trusted["one"]; one != nil {
			if marks = len(one.marks); marks > maxMarks {
				t.Errorf("%d signatures are", marks)
			}
		}
		c.close()
		if err := c.allowed(t.Context(), "new", "mark", func(context.Context) error { return nil }); !Is(err, Unreachable) {
			t.Errorf("closed: %v", err)
		}
	})
}
