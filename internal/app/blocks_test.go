// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const oneVolume = "volumes: [{driver: directory, root: ROOT1}]\n"

// text returns n random letters.
func text(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = 'a' + b[i]%26
	}
	return string(b)
}

func TestBlocks(t *testing.T) {
	r, roots := newKeep(t, oneVolume)
	for _, size := range []int{1, 100, 1 << 20, 64 << 20} {
		data := text(size)
		l := r.putBlock(data)
		if got := r.get(l, userToken); got.StatusCode != 200 || got.body != data {
			t.Errorf("%d bytes: GET gave %d and %d bytes", size, got.StatusCode, len(got.body))
		}
		if got := r.do(http.MethodHead, "/"+l, userToken, ""); got.StatusCode != 200 || got.ContentLength != int64(size) {
			t.Errorf("%d bytes: HEAD gave %d, length %d", size, got.StatusCode, got.ContentLength)
		}
		if !exists(roots[0], data) {
			t.Errorf("%d bytes: not in the directory", size)
		}
	}
	l := r.putBlock("0123456789")
	if got := r.get(l, userToken, "Range: bytes=2-4"); got.StatusCode != 206 || got.body != "234" || got.Header.Get("Content-Range") != "bytes 2-4/10" {
		t.Errorf("a range: %d %q %s", got.StatusCode, got.body, got.Header.Get("Content-Range"))
	}
	r.wantError(r.get(l, userToken, "Range: bytes=10-"), 416, "bad-range")
	r.wantError(r.get(l, r.signer.String()), 400, "bad-signature")
	if got := r.get(l, userToken); got.body != "0123456789" {
		t.Errorf("the positive control: %d", got.StatusCode)
	}
	log := r.log.String()
	if strings.Contains(log, "pbtestusersecret") || regexp.MustCompile(`\+A[0-9a-f]{40}`).MatchString(log) {
		t.Error("the log has a token or a signature")
	}
}

// TestDamage: stored bytes that are wrong never go out, from any volume.
func TestDamage(t *testing.T) {
	r, roots := newKeep(t, "volumes:\n  - {driver: directory, root: ROOT1, storage_classes: [a]}\n  - {driver: directory, root: ROOT2, storage_classes: [b]}\n")
	l := r.putBlock("0123456789", "X-Keep-Storage-Classes: a, b")
	for i, want := range []int{200, 502, 404} {
		if got := r.get(l, userToken); i == 0 && got.body != "0123456789" {
			t.Errorf("undamaged: %q", got.body)
		}
		if i < 2 {
			if err := os.WriteFile(blockFile(roots[i], "0123456789"), []byte("012345678X"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 {
			for range 2 { // both orders of the two volumes
				if got := r.get(l, userToken); got.body != "0123456789" {
					t.Errorf("one copy damaged: %d %q", got.StatusCode, got.body)
				}
			}
			continue
		}
		if got := r.get(l, userToken); got.StatusCode != want || strings.Contains(got.body, "012345678X") {
			t.Errorf("damaged: got %d %q, want %d", got.StatusCode, got.body, want)
		}
	}
	if !strings.Contains(r.log.String(), "a stored block is damaged") {
		t.Error("the log does not tell of the damage")
	}
	aside, _ := filepath.Glob(filepath.Join(roots[0], "*", "*.corrupt.*"))
	if len(aside) != 1 {
		t.Errorf("set aside: %v", aside)
	}
	if l = r.putBlock("0123456789"); r.get(l, userToken).body != "0123456789" {
		t.Error("the block cannot be stored again")
	}
}

func TestStorageClasses(t *testing.T) {
	r, _ := newKeep(t, "volumes:\n  - {driver: directory, root: ROOT1, storage_classes: [default, fast]}\n  - {driver: directory, root: ROOT2, storage_classes: [archive], replication: 3}\n")
	for ask, want := range map[string]string{
		"": "1 default=1, fast=1", "fast": "1 default=1, fast=1", " archive ,": "3 archive=3", "archive, default": "4 archive=3, default=1, fast=1", "archive,nosuch": "3 archive=3",
	} {
		data := text(10)
		got := r.do(http.MethodPut, "/"+string(md5Hash(data)), userToken, data, "X-Keep-Storage-Classes: "+ask)
		if s := got.Header.Get("X-Keep-Replicas-Stored") + " " + got.Header.Get("X-Keep-Storage-Classes-Confirmed"); got.StatusCode != 200 || s != want {
			t.Errorf("%q: %d %q, want %q", ask, got.StatusCode, s, want)
		}
	}
	r.wantError(r.do(http.MethodPut, "/"+string(md5Hash("x")), userToken, "x", "X-Keep-Storage-Classes: nosuch"), 507, "volume-full")
}

// TestRefusedUploads: what is refused leaves nothing behind.
func TestRefusedUploads(t *testing.T) {
	r, roots := newKeep(t, oneVolume)
	foo := "/" + string(md5Hash("foo"))
	r.wantError(r.do(http.MethodPut, foo, "", "foo"), 401, "no-token")
	r.wantError(r.do(http.MethodPut, foo, userToken, "fox"), 400, "hash-mismatch")
	r.wantError(r.do(http.MethodPut, foo+"+4", userToken, "foo"), 400, "wrong-size")
	r.wantError(r.do(http.MethodPut, "/"+strings.ToUpper(foo[1:]), userToken, "foo"), 400, "bad-locator")
	r.wantError(r.do(http.MethodPut, foo+"+3+BczM6Ly9i+C0", userToken, "foo"), 400, "bad-locator")
	raw := func(head, body string) int {
		t.Helper()
		return r.status(r.raw("PUT " + foo + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + userToken + "\r\n" + head + "\r\n\r\n" + body))
	}
	if got := raw(fmt.Sprintf("Content-Length: %d", 64<<20+1), ""); got != 413 {
		t.Errorf("too large: %d", got)
	}
	if got := raw("Transfer-Encoding: chunked", "3\r\nfoo\r\n0\r\n\r\n"); got != 411 {
		t.Errorf("without length: %d", got)
	}
	if left := entries(t, roots[0]); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	r.putBlock("foo")
}

// TestDiskErrors: an error of the disk is no missing block, and passes over.
func TestDiskErrors(t *testing.T) {
	r, roots := newKeep(t, oneVolume)
	l := r.putBlock("foo")
	folder := filepath.Dir(blockFile(roots[0], "foo"))
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.wantError(r.do(http.MethodPut, "/"+string(md5Hash("foo")), userToken, "foo"), 503, "volume-error")
	got := r.get(l, userToken)
	r.wantError(got, 503, "volume-error")
	if !strings.Contains(r.log.String(), "not a directory") {
		t.Error("the log does not tell the cause")
	}
	if strings.Contains(got.body, roots[0]) || got.Header.Get("Retry-After") == "" {
		t.Errorf("the answer is %q, Retry-After %q", got.body, got.Header.Get("Retry-After"))
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(folder+".away", folder); err != nil {
		t.Fatal(err)
	}
	if got := r.get(l, userToken); got.body != "foo" {
		t.Errorf("afterwards: %d %q", got.StatusCode, got.body)
	}
}

// TestBlocksAtOnce: everything at the same time, on few blocks.
func TestBlocksAtOnce(t *testing.T) {
	r, roots := newKeep(t, "volumes:\n  - {driver: directory, root: ROOT1}\n  - {driver: directory, root: ROOT2, serialize: true}\nlimits: {memory: 64MiB}\n")
	var blocks []string
	for i := range 4 {
		blocks = append(blocks, text(1<<(5*i)))
	}
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			for j := range 20 {
				data := blocks[(i+j)%len(blocks)]
				l := r.putBlock(data)
				if got := r.get(l, userToken); got.StatusCode != 200 || got.body != data {
					t.Errorf("GET after PUT: %d, %d bytes", got.StatusCode, len(got.body))
				}
				if got := r.do(http.MethodDelete, "/"+l, rootToken, ""); got.StatusCode != 200 { // too young
					t.Errorf("DELETE: %d %q", got.StatusCode, got.body)
				}
				if got := r.do(http.MethodGet, "/index", rootToken, ""); got.StatusCode != 200 || !strings.HasSuffix(got.body, "\n\n") {
					t.Errorf("index: %d %q", got.StatusCode, got.body)
				}
			}
		})
	}
	running.Wait()
	for _, data := range blocks {
		if exists(roots[0], data) == exists(roots[1], data) {
			t.Errorf("a block of %d bytes is on both volumes, or on none", len(data))
		}
	}
}

// TestKeepWithoutVolumes: keep-balance finds a server without mounts, and
// writers are refused with a status that they do not try again.
func TestKeepWithoutVolumes(t *testing.T) {
	r, _ := newKeep(t, "")
	foo := "/" + string(md5Hash("foo")) + "+3"
	r.wantError(r.get(foo[1:], userToken), 404, "not-stored")
	for _, method := range []string{http.MethodPut, "TOUCH", http.MethodDelete, http.MethodPost} {
		r.wantError(r.do(method, foo, rootToken, ""), 405, "method")
	}
	for path, want := range map[string]string{"/mounts": "[]\n", "/index": "\n", "/index/acb": "\n"} {
		if got := r.do(http.MethodGet, path, rootToken, ""); got.StatusCode != 200 || got.body != want {
			t.Errorf("%s: %d %q", path, got.StatusCode, got.body)
		}
		r.wantError(r.do(http.MethodGet, path, userToken, ""), 403, "system-token")
	}
	for _, path := range []string{"/pull", "/trash"} {
		if got := r.do(http.MethodPut, path, rootToken, "[]"); got.StatusCode != 200 || got.body != "" {
			t.Errorf("%s: %d %q", path, got.StatusCode, got.body)
		}
	}
	r.wantError(r.do(http.MethodPut, "/untrash/"+foo[1:33], rootToken, ""), 404, "block-not-found")
}

// entries lists the blocks and unfinished files in a volume.
func entries(t *testing.T, root string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, _ := filepath.Glob(filepath.Join(root, "*", ".*"))
	return append(found, hidden...)
}

// status reads the status of an answer.
func (r *rig) status(c io.Reader) int {
	r.t.Helper()
	line := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(c, line); err != nil {
		r.t.Fatal(err)
	}
	var code int
	if _, err := fmt.Sscanf(string(line), "HTTP/1.1 %d", &code); err != nil {
		r.t.Fatalf("the answer began with %q", line)
	}
	return code
}

// TestClientsOfBlocksLeave: a client that goes away in the middle gives back
// the memory and the place, of which there is one, and stores nothing.
func TestClientsOfBlocksLeave(t *testing.T) {
	r, roots := newKeep(t, oneVolume+"limits: {memory: 64MiB, max_requests: 1}\n")
	big := text(64 << 20)
	l := r.putBlock(big)
	half := "PUT /" + string(md5Hash("x")) + fmt.Sprintf(" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", userToken, len(big)) + big[:len(big)/2]
	get := "GET /" + l + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + userToken + "\r\n\r\n"
	for range 3 {
		for name, request := range map[string]string{"put": half, "get": get} {
			c := r.raw(request)
			if name == "get" {
				r.status(c)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if got := r.get(l, userToken); got.StatusCode != 200 || got.body != big {
				t.Fatalf("after %s: %d %q", name, got.StatusCode, got.Header.Get("X-Keep-Error"))
			}
		}
	}
	if left := entries(t, roots[0]); len(left) != 1 {
		t.Errorf("the volume has %v", left)
	}
	eventually(t, "the log tells of those who left", func() bool { return strings.Count(r.log.String(), `"status":499`) == 6 })
}

// TestSlowUpload: a client that stops sending is told so, and stores nothing.
func TestSlowUpload(t *testing.T) {
	r, roots := newKeep(t, oneVolume+"limits: {memory: 64MiB, max_requests: 1, total: 4s}\n")
	begin := fmt.Sprintf("PUT /%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1000000\r\n\r\n", md5Hash("x"), userToken)
	if got := r.status(r.raw(begin + text(500000))); got != 408 {
		t.Errorf("got %d", got)
	}
	if left := entries(t, roots[0]); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	r.putBlock("x")
	c := r.raw("GET /" + r.putBlock(text(64<<20)) + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + userToken + "\r\n\r\n")
	r.status(c)
	r.putBlock(text(64 << 20)) // gets the place and the memory of the client that does not read
}

// TestPutNeedsALiveToken: a token of one's own making fills no disk, and an
// API server that is down is a reason to come again.
func TestPutNeedsALiveToken(t *testing.T) {
	r, roots := newKeep(t, "volumes: [{driver: directory, root: ROOT1}]\n")
	path := "/" + string(md5Hash("data"))
	r.wantError(r.do(http.MethodPut, path, "v2/zzzzz-gj3su-000000000000000/made-up", "data"), 401, "token-refused")
	if exists(roots[0], "data") {
		t.Error("the block was stored")
	}
	r.putBlock("data")
	r.apiHTTP.Close()
	r.wantError(r.do(http.MethodPut, path, r.bob, "data"), 503, "api-unavailable")
	r.putBlock("more") // the token was seen just now
}

// TestSlowUploadsLeaveMemory: those who announce much and send little must not
// stop those who read.
func TestSlowUploadsLeaveMemory(t *testing.T) {
	r, _ := newKeep(t, oneVolume+"limits: {memory: 128MiB}\n")
	l := r.putBlock("x")
	for range 3 {
		r.raw(fmt.Sprintf("PUT /%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\nx", md5Hash("y"), userToken, 64<<20))
	}
	eventually(t, "the uploads are there", func() bool {
		got := r.do(http.MethodGet, "/metrics", managerToken, "")
		return strings.Contains(got.body, "\narvados_concurrent_requests 4\n") // with this one
	})
	if got := r.get(l, userToken); got.StatusCode != 200 {
		t.Errorf("a read beside slow uploads: %d %q", got.StatusCode, got.body)
	}
}

// TestSlowUploadsLeavePlaces: nor do those who send slowly with several tokens.
func TestSlowUploadsLeavePlaces(t *testing.T) {
	r, _ := newKeep(t, oneVolume+"limits: {max_requests: 4}\n")
	r.putBlock("x")
	for _, token := range []string{userToken, userToken, r.bob, r.bob} {
		r.raw(fmt.Sprintf("PUT /%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\n\r\nx", md5Hash("y"), token))
	}
	eventually(t, "the uploads are there", func() bool {
		got := r.do(http.MethodGet, "/metrics", managerToken, "")
		return strings.Contains(got.body, "\narvados_concurrent_requests 5\n") // with this one
	})
	if got := r.get(r.sign(md5Hash("x"), 1, "another"), "another"); got.StatusCode != 200 {
		t.Errorf("a read beside slow uploads: %d %q", got.StatusCode, got.body)
	}
}
