// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// listings matches the requests for lists of versions.
var listings = regexp.MustCompile(`\?.*versions`)

// eventually waits until a state is reached.
func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for range 1000 {
		if reached() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("still not so: %s", what)
}

// leaving sends a request and goes away when S3 was asked so many times.
func (r *rig) leaving(method, path, body string, asked int) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.alice)
	req.Header.Set("Content-Type", "application/json")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if resp, err := r.client.Do(req); err == nil {
			<-ctx.Done()
			_ = resp.Body.Close() // the client is gone
		}
	}()
	eventually(r.t, "S3 was asked", func() bool { return len(r.lab.Log()) >= asked })
	cancel()
	<-ended
}

// TestClientLeaves is D-03: whatever phase a read is in, a client that goes
// away frees its place. The server has one, so the control proves it.
func TestClientLeaves(t *testing.T) {
	name := bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam, import: {users: [ALICE]}}\nlimits: {max_requests: 1, memory: 64MiB, stall: 60s}\n", name))
	data := strings.Repeat("0123456789abcdef", 1<<16)
	e := pseudoblock.Extent{Object: put(t, r.labServer, name, "x", []byte(data)), Size: int64(len(data))}
	content, err := pseudoblock.ContentLocator(md5Hash(data), e)
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/" + r.locator(e, pseudoblock.Derived, r.alice), "/" + r.signer.Sign(content, r.alice, time.Now().Add(ttl)).String()}
	phases := map[string]faultproxy.Action{
		"before the headers": faultproxy.Delay(time.Minute), "after the headers": faultproxy.StallAt(0), "in the body": faultproxy.StallAt(600000),
	}
	for phase, action := range phases {
		for _, path := range paths {
			r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{action}})
			r.leaving(http.MethodGet, path, "", 1)
			r.lab.Set()
			if got := r.get(path[1:], r.alice); got.StatusCode != 200 || got.body != data {
				t.Errorf("%s: the next read gave %d, %d bytes", phase, got.StatusCode, len(got.body))
			}
		}
	}
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Delay(time.Minute)}})
	r.leaving(http.MethodPost, "/s3/import", `{"sources":[{"url":"s3://`+name+`/"}]}`, 1)
	r.lab.Set()
	if got := r.imports(r.alice, `{"sources":[{"url":"s3://`+name+`/"}]}`); got.done == nil {
		t.Errorf("the next import gave %d %q", got.StatusCode, got.body)
	}
}

// TestImportStopsWithItsClient is I-04: an endless bucket is listed only as
// long as somebody reads.
func TestImportStopsWithItsClient(t *testing.T) {
	r, name := importing(t)
	r.lab.Set(endless()...)
	r.leaving(http.MethodPost, "/s3/import", `{"sources":[{"url":"s3://`+name+`/p/"}]}`, 4)
	r.waitForLog(`"route":"import"`)
	before := len(r.lab.Log())
	time.Sleep(200 * time.Millisecond)
	if after := len(r.lab.Log()); after != before {
		t.Errorf("S3 was asked %d times more after the client left", after-before)
	}
}

// TestNothingIsLeftBehind: many broken-off requests, and then there are as
// many goroutines as before and no request is counted as running.
func TestNothingIsLeftBehind(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	r.get(l, r.alice)
	r.client.CloseIdleConnections()
	before := runtime.NumGoroutine()
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Delay(20 * time.Millisecond)}})
	for range 10 {
		var running sync.WaitGroup
		for i := range 100 {
			running.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%30)*time.Millisecond)
				defer cancel()
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/"+l, nil) // the URL is sound
				req.Header.Set("Authorization", "Bearer "+r.alice)
				if resp, err := r.client.Do(req); err == nil {
					_ = resp.Body.Close() // unread
				}
			})
		}
		running.Wait()
	}
	r.lab.Set()
	r.client.CloseIdleConnections()
	// S3 connections and their two goroutines on each side stay for reuse.
	eventually(t, "no request is active", func() bool {
		return strings.Contains(r.do(http.MethodGet, "/metrics", "management-of-the-test", "").body, "arvados_concurrent_requests 1\n")
	})
	if got := r.get(l, r.alice); got.StatusCode != 200 {
		t.Errorf("the next read gave %d %q", got.StatusCode, got.body)
	}
	r.reload <- nil // drops idle connections to S3
	eventually(t, "goroutines are back at the start", func() bool { r.client.CloseIdleConnections(); return runtime.NumGoroutine() < before+50 })
}
