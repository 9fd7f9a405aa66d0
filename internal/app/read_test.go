// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// reading is a rig with one object in a bucket that everyone may import.
func reading(t *testing.T) (*rig, pseudoblock.Extent) {
	t.Helper()
	name := bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam, import: {users: [ALICE]}}\n", name))
	o := put(t, r.labServer, name, "dir/an object.txt", []byte("0123456789abcdef"))
	put(t, r.labServer, name, "dir/an object.txt", []byte("a newer version"))
	return r, pseudoblock.Extent{Object: o, Offset: 4, Size: 10}
}

// TestWarmReadIsOneRequest: the golden trace of the whole server.
func TestWarmReadIsOneRequest(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	r.get(l, r.alice) // warms the token
	for _, form := range []pseudoblock.Form{pseudoblock.Opaque, pseudoblock.Derived} {
		r.lab.Set()
		got := r.get(r.locator(e, form, r.alice), r.alice)
		if got.StatusCode != 200 || got.body != "456789abcd" || got.ContentLength != 10 {
			t.Errorf("%s: got %d %q", form, got.StatusCode, got.body)
		}
		log := r.lab.Log()
		if len(log) != 1 || log[0].Method != "GET" || log[0].Range != "bytes=4-13" {
			t.Errorf("%s: S3 was asked %v", form, log)
		}
	}
}

// TestHintOrders are L-13 and L-14: what real clients send.
func TestHintOrders(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	parts := strings.Split(l, "+") // hash size B C A
	head, b, c, a := parts[0]+"+"+parts[1], parts[2], parts[3], parts[4]
	for _, text := range []string{
		l, "/" + l,
		strings.Join([]string{head, a, b, c}, "+"), // as Python does
		strings.Join([]string{head, c, b, a}, "+"),
		strings.Join([]string{head, "K@zzzzz-bi6l4-000000000000000", b, c, a}, "+"),
		strings.Join([]string{head, b, c, a, "Zabc", "K@zzzzz"}, "+"),
	} {
		if got := r.get(text, r.alice); got.StatusCode != 200 || got.body != "456789abcd" {
			t.Errorf("%s: got %d %q", text, got.StatusCode, got.body)
		}
	}
}

func TestRange(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Derived, r.alice)
	rows := []struct {
		header string
		status int
		body   string // or the part of Content-Range
	}{
		{"bytes=0-0", 206, "4"}, {"bytes=2-4", 206, "678"}, {"bytes=7-", 206, "bcd"}, {"bytes=-3", 206, "bcd"},
		{"bytes=0-99", 206, "456789abcd"}, {"bytes=-99", 206, "456789abcd"}, {"bytes=9-99999999999999999999", 206, "d"},
		{"items=0-1", 200, "456789abcd"},
		{"bytes=10-", 416, ""}, {"bytes=-0", 416, ""}, {"bytes=5-2", 416, ""}, {"bytes=a-b", 416, ""}, {"bytes=", 416, ""},
		{"bytes=0-1,3-4", 416, ""}, {"bytes=+1-2", 416, ""}, {"garbage", 416, ""}, {"bytes=99999999999999999999-", 416, ""},
	}
	for _, row := range rows {
		r.lab.Set()
		got := r.get(l, r.alice, "Range: "+row.header)
		if got.StatusCode != row.status || row.status != 416 && got.body != row.body {
			t.Errorf("%s: got %d %q", row.header, got.StatusCode, got.body)
		}
		if row.status == 416 && (len(r.lab.Log()) > 0 || got.Header.Get("Content-Range") != "bytes */10") {
			t.Errorf("%s: S3 was asked %v, Content-Range %q", row.header, r.lab.Log(), got.Header.Get("Content-Range"))
		}
	}
	if got := r.get(l, r.alice, "Range: bytes=2-4", "If-Range: \"x\""); got.StatusCode != 200 {
		t.Errorf("If-Range: got %d", got.StatusCode)
	}
	if got := r.get(l, r.alice, "Range: bytes=2-4"); got.Header.Get("Content-Range") != "bytes 2-4/10" || got.ContentLength != 3 {
		t.Errorf("Content-Range %q, length %d", got.Header.Get("Content-Range"), got.ContentLength)
	}
}

func TestHead(t *testing.T) {
	r, e := reading(t)
	r.lab.Set()
	got := r.do(http.MethodHead, "/"+r.locator(e, pseudoblock.Opaque, r.alice), r.alice, "")
	if got.StatusCode != 200 || got.ContentLength != 10 || got.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("got %d, length %d", got.StatusCode, got.ContentLength)
	}
	if log := r.lab.Log(); len(log) != 1 || log[0].Method != "HEAD" {
		t.Errorf("S3 was asked %v", log)
	}
	past := e
	past.Size = 13
	r.wantError(r.do(http.MethodHead, "/"+r.locator(past, pseudoblock.Opaque, r.alice), r.alice, ""), 400, "past-end")
	gone := e
	gone.Object.Key = "never there"
	r.wantError(r.do(http.MethodHead, "/"+r.locator(gone, pseudoblock.Opaque, r.alice), r.alice, ""), 404, "s3-not-found")
}

// TestLateFailure is R-21: after the first byte a failure cuts the
// connection, and before it is a real status.
func TestLateFailure(t *testing.T) {
	r, _ := reading(t)
	name := bucket(t, r.labServer)
	r.write(fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam}\nlimits: {stall: 300ms}\n", name))
	r.reload <- nil
	r.waitForLog("reloaded")
	data := []byte(strings.Repeat("0123456789abcdef", 1<<16))
	l := r.locator(pseudoblock.Extent{Object: put(t, r.labServer, name, "big", data), Size: int64(len(data))}, pseudoblock.Opaque, r.alice)
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.ResetAt(600000)}, Count: 1}, faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Answer(404, "")}})
	if got := r.get(l, r.alice); got.StatusCode != 200 || got.err == nil || len(got.body) >= len(data) {
		t.Errorf("got %d, %d bytes, error %v: want a cut connection", got.StatusCode, len(got.body), got.err)
	}
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.SetHeader("X-Amz-Version-Id", "other")}})
	r.wantError(r.get(l, r.alice), 502, "s3-bad-reply")
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.ResetAt(600000)}, Count: 1})
	if got := r.get(l, r.alice); got.err != nil || got.body != string(data) {
		t.Errorf("one fault was not absorbed: %d, %d bytes, %v", got.StatusCode, len(got.body), got.err)
	}
}

// TestContentForm: verified before release, alternatives in order, one answer
// for every failure.
func TestContentForm(t *testing.T) {
	r, e := reading(t)
	sum := locator.Hash("b9bbe5afe0a6a7a8d5a5fb1fb4e1e8b5") // not the MD5 of the bytes
	right := md5Hash("456789abcd")
	sign := func(hash locator.Hash, alternatives ...pseudoblock.Extent) string {
		l, err := pseudoblock.ContentLocator(hash, alternatives...)
		if err != nil {
			t.Fatal(err)
		}
		return r.signer.Sign(l, r.alice, time.Now().Add(ttl)).String()
	}
	gone, foreign, other := e, e, e
	gone.Object.Key = "never there"
	foreign.Object.Bucket = "not-in-the-rules"
	other.Offset = 5
	for _, good := range []string{sign(right, e), sign(right, gone, foreign, other, e)} {
		if got := r.get(good, r.alice); got.StatusCode != 200 || got.body != "456789abcd" {
			t.Errorf("got %d %q", got.StatusCode, got.body)
		}
		if got := r.get(good, r.alice, "Range: bytes=3-5"); got.StatusCode != 206 || got.body != "789" {
			t.Errorf("range: got %d %q", got.StatusCode, got.body)
		}
	}
	bodies := map[string]bool{}
	for _, bad := range []string{sign(sum, e), sign(right, gone), sign(right, foreign), sign(right, other)} {
		got := r.get(bad, r.alice, "X-Request-Id: same")
		r.wantError(got, 502, "content-unavailable")
		bodies[got.body] = true
	}
	if len(bodies) != 1 {
		t.Errorf("the answers differ: %v", bodies)
	}
}

// TestEmptyBlock: import writes it for empty objects, so it reads here.
func TestEmptyBlock(t *testing.T) {
	r, _ := reading(t)
	if got := r.get(locator.Empty, r.alice); got.StatusCode != 200 || got.body != "" || got.ContentLength != 0 {
		t.Errorf("got %d %q", got.StatusCode, got.body)
	}
	r.wantError(r.get(locator.Empty, ""), 401, "no-token")
	r.wantError(r.get("acbd18db4cc2f85cedef654fccc4a4d8+3", r.alice), 404, "not-stored")
}
