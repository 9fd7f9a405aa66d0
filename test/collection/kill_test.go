// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestServerIsKilled kills keepstore in the middle of an import and starts it
// again: the import goes on without listing again what it had, and has the
// hash of an undisturbed one.
func TestServerIsKilled(t *testing.T) {
	r := newRig(t)
	r.many("many/", 3500)
	_, whole := r.imported(r.admin, "many/")
	slow := faultproxy.Rule{Path: toImport(r.bucket), Do: []faultproxy.Action{faultproxy.Delay(1200 * time.Millisecond)}}
	r.lab.Set(slow)
	c := r.admin.New()
	var once sync.Once
	killed := false
	result, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: r.url("many/")}}, collection.ImportOptions{
		Progress: func(p collection.Progress) {
			if p.Files < 1500 || p.Files == whole.Files {
				return // there may be no token to go on with yet
			}
			once.Do(func() {
				killed = true
				r.kill()
				r.lab.Set()
				r.start()
			})
		}})
	if err != nil {
		t.Fatalf("%v\n%s", err, r.tail())
	}
	if pdh := first(c.PDH()); !killed || pdh != whole.PDH || result.Files != whole.Files {
		t.Errorf("killed: %t; got %s and not %s, %+v", killed, pdh, whole.PDH, result)
	}
	for _, request := range r.lab.Log() {
		if strings.Contains(request.Query, "versions") && !strings.Contains(request.Query, "key-marker=many") {
			t.Errorf("the listing began again: %s", request)
		}
	}
}

// TestResumeImport: an import that was canceled goes on later, in a process
// that still has what came before.
func TestResumeImport(t *testing.T) {
	r := newRig(t)
	r.many("many/", 3500)
	_, whole := r.imported(r.admin, "many/")
	r.lab.Set(faultproxy.Rule{Path: toImport(r.bucket), Do: []faultproxy.Action{faultproxy.Delay(1200 * time.Millisecond)}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := r.admin.New()
	part, err := c.ImportFromS3(ctx, []collection.Source{{URL: r.url("many/")}}, collection.ImportOptions{
		Progress: func(p collection.Progress) {
			if p.Files >= 1500 {
				cancel()
			}
		}})
	if !errors.Is(err, context.Canceled) || part == nil || part.Unfinished == nil || part.Files == 0 || part.Files >= whole.Files {
		t.Fatalf("got %+v, %v", part, err)
	}
	if files, _ := c.Size(); files != 0 {
		t.Errorf("half of the import is there: %d files", files)
	}
	r.lab.Set()
	if _, err := r.admin.New().ResumeImport(t.Context(), part.Unfinished); collection.KindOf(err) != collection.BadSource {
		t.Errorf("another collection took it: %v", err)
	}
	result, err := c.ResumeImport(t.Context(), part.Unfinished)
	if err != nil || result.Files != whole.Files || first(c.PDH()) != whole.PDH {
		t.Errorf("got %+v, %v", result, err)
	}
	for _, request := range r.lab.Log() {
		if strings.Contains(request.Query, "versions") && !strings.Contains(request.Query, "key-marker=many") {
			t.Errorf("the listing began again: %s", request)
		}
	}
}

// TestFileServer: a collection behind the web server of the standard library.
func TestFileServer(t *testing.T) {
	r := newRig(t)
	c, data := r.big(300_000)
	server := httptest.NewServer(http.FileServer(http.FS(c)))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	for header, want := range map[string]string{
		"":                    string(data),
		"bytes=5-9":           string(data[5:10]),
		"bytes=299990-":       string(data[299990:]),
		"bytes=-10":           string(data[299990:]),
		"bytes=100000-299999": string(data[100000:]),
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/object", nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set("Range", header)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(got) != want || header != "" && resp.StatusCode != http.StatusPartialContent {
			t.Errorf("%q: %d with %d bytes, want %d: %v", header, resp.StatusCode, len(got), len(want), err)
		}
	}
}
