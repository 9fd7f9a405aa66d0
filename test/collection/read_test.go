// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// big makes a collection with one object, and the bytes of that.
func (r *rig) big(size int) (*collection.Collection, []byte) {
	r.t.Helper()
	data := bytesOf(5, size)
	r.put("big/object", data)
	c, _ := r.imported(r.admin, "big/")
	return c, data
}

// over is the same collection, read through other services.
func over(t testing.TB, c *collection.Collection, client *collection.Client) *collection.Collection {
	t.Helper()
	text, err := c.ManifestText()
	if err != nil {
		t.Fatal(err)
	}
	same, err := client.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return same
}

// TestRandomReads: each read is one request for just its bytes, and what was
// read once is not asked for again.
func TestRandomReads(t *testing.T) {
	r := newRig(t)
	c, data := r.big(3 << 20)
	proxy := faultproxy.New(t, r.keepURL)
	f, err := over(t, c, r.through(proxy.URL())).OpenFile(t.Context(), "object")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	proxy.Set()
	var want []string
	for _, offset := range []int64{1 << 20, 5, 2<<20 + 777, 1<<20 - 4096, 3<<20 - 4096} {
		p := make([]byte, 4096)
		for range 2 { // the second time from the cache
			if n, err := f.ReadAt(p, offset); n != len(p) || err != nil || !bytes.Equal(p, data[offset:offset+4096]) {
				t.Fatalf("at %d: %d, %v", offset, n, err)
			}
		}
		want = append(want, fmt.Sprintf("bytes=%d-%d", offset, offset+4095))
	}
	log := proxy.Log()
	for i, request := range log {
		if request.Method != http.MethodGet || i < len(want) && request.Range != want[i] {
			t.Errorf("request %d is %s %s", i, request.Method, request.Range)
		}
	}
	if len(log) != len(want) {
		t.Errorf("there were %d requests for %d reads", len(log), len(want))
	}
	p := make([]byte, 100)
	if n, err := f.ReadAt(p, 3<<20-40); n != 40 || !errors.Is(err, io.EOF) {
		t.Errorf("a read over the end gave %d, %v", n, err)
	}
}

// TestSequentialReads: small reads in a row become few large requests, and
// nothing is fetched twice.
func TestSequentialReads(t *testing.T) {
	r := newRig(t)
	c, data := r.big(20<<20 + 123)
	for name, read := range map[string]func(io.Writer, *collection.File) error{
		"Read": func(w io.Writer, f *collection.File) error {
			_, err := io.CopyBuffer(w, struct{ io.Reader }{f}, make([]byte, 32<<10))
			return err
		},
		"ReadAt": func(w io.Writer, f *collection.File) error {
			_, err := io.CopyBuffer(w, struct{ io.Reader }{io.NewSectionReader(f, 0, f.Size())}, make([]byte, 32<<10))
			return err
		},
		"WriteTo": func(w io.Writer, f *collection.File) error {
			_, err := io.Copy(w, f)
			return err
		},
	} {
		proxy := faultproxy.New(t, r.keepURL)
		f, err := over(t, c, r.through(proxy.URL())).OpenFile(t.Context(), "object")
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := read(&got, f); err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%s gave %d bytes, %v", name, got.Len(), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		asked := map[string]int{}
		for _, request := range proxy.Log() {
			asked[request.Range]++
		}
		for span, n := range asked {
			if n > 1 {
				t.Errorf("%s asked %d times for %s", name, n, span)
			}
		}
		if n := len(proxy.Log()); n > 40 || name == "WriteTo" && n > 8 {
			t.Errorf("%s needed %d requests", name, n)
		}
	}
}

// TestManyReaders: many goroutines read one file, and each byte is fetched
// once.
func TestManyReaders(t *testing.T) {
	r := newRig(t)
	c, data := r.big(5 << 20)
	proxy := faultproxy.New(t, r.keepURL)
	same := over(t, c, r.through(proxy.URL()))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if i%2 == 0 {
				wantBytes(t, same, "object", data)
				return
			}
			f, err := same.Open("object")
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			got, err := io.ReadAll(f)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
}

// TestServerDies: a read that breaks off goes on at another service from the
// byte where it stopped, for references and for ordinary blocks.
func TestServerDies(t *testing.T) {
	r := newRig(t)
	c, data := r.big(2 << 20)
	written := bytesOf(6, 1<<20)
	if err := c.WriteFile(t.Context(), "written", written); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		data []byte
		cut  faultproxy.Action
		want string // the range of the second request
	}{
		{"object", data, faultproxy.ResetAt(1_000_000), ""}, // what was on its way is lost
		{"object", data, faultproxy.CloseAt(1_000_000), fmt.Sprintf("bytes=1000000-%d", 2<<20-1)},
		{"object", data, faultproxy.CloseAt(7), fmt.Sprintf("bytes=7-%d", 2<<20-1)},
		{"written", written, faultproxy.CloseAt(500_000), fmt.Sprintf("bytes=500000-%d", 1<<20-1)},
		{"written", written, faultproxy.Corrupt(12345), ""}, // all of it again
		{"object", data, faultproxy.Answer(http.StatusServiceUnavailable, "busy"), ""},
		{"object", data, faultproxy.Redirect(http.StatusFound, "http://169.254.169.254/"), ""},
		{"object", data, faultproxy.Truncate(100), ""},
	} {
		dying, good := faultproxy.New(t, r.keepURL), faultproxy.New(t, r.keepURL)
		get := func(p, other *faultproxy.Proxy) {
			p.Set(faultproxy.Rule{Method: http.MethodGet, Count: 1, Do: []faultproxy.Action{row.cut}})
			other.Set()
		}
		died := false
		for _, try := range []*faultproxy.Proxy{dying, good} { // whichever comes first for this block
			other := good
			if try == good {
				other = dying
			}
			get(try, other)
			same := over(t, c, r.through(dying.URL(), good.URL()))
			wantBytes(t, same, row.name, row.data)
			if len(try.Log()) > 0 && len(other.Log()) > 0 {
				died = true
				if last := other.Log()[0]; row.want != "" && last.Range != row.want {
					t.Errorf("%s: the other service was asked for %q, want %s", row.name, last.Range, row.want)
				}
			}
		}
		if !died {
			t.Errorf("%s: the dying service was never asked: %v, %v", row.name, dying.Log(), good.Log())
		}
	}
}

// TestAllServersDie: without any good service there is an error that says
// which could not be reached, and never wrong bytes.
func TestAllServersDie(t *testing.T) {
	r := newRig(t)
	c, _ := r.big(1 << 20)
	proxy := faultproxy.New(t, r.keepURL)
	proxy.Set(faultproxy.Rule{Method: http.MethodGet, Do: []faultproxy.Action{faultproxy.ResetAt(10)}})
	_, err := over(t, c, r.through(proxy.URL())).ReadFile("object")
	if collection.KindOf(err) != "keep-unreachable" || !strings.Contains(err.Error(), proxy.URL()) || strings.Contains(err.Error(), "+A") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f, err := over(t, c, r.through(proxy.URL())).OpenFile(ctx, "object")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cancel()
	if _, err := f.ReadAt(make([]byte, 10), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled read gave %v", err)
	}
}

// TestCheckAsksOnce: one HEAD for each object version, however many files and
// blocks it has, and no GET.
func TestCheckAsksOnce(t *testing.T) {
	r := newRig(t)
	r.put("c/a", bytesOf(1, 1000))
	r.put("c/b", bytesOf(2, 1000))
	c, _ := r.imported(r.admin, "c/")
	if err := c.Copy("again/a", c, "a"); err != nil {
		t.Fatal(err)
	}
	proxy := faultproxy.New(t, r.keepURL)
	proxy.Set()
	report, err := over(t, c, r.through(proxy.URL())).Check(t.Context(), collection.CheckOptions{})
	if err != nil || !report.Good() || len(report.NotKnown) > 0 {
		t.Errorf("got %+v, %v", report, err)
	}
	if log := proxy.Log(); len(log) != 3 || log[0].Method != http.MethodHead || log[1].Method != http.MethodHead || log[2].Path != "/s3/lifecycle" {
		t.Errorf("the requests are %v", log)
	}
	for word, want := range map[string]collection.Status{"s3-denied": collection.IsDenied, "s3-archived": collection.IsArchived,
		"s3-changed": collection.IsChanged, "bucket-not-allowed": collection.IsDenied, "not-stored": collection.IsUnknown,
		"creds-expired": collection.IsKeyRotated, "past-end": collection.IsShort} {
		status := map[string]int{"s3-archived": 422, "s3-changed": 502, "not-stored": 404, "past-end": 400}[word]
		if status == 0 {
			status = 403
		}
		proxy.Set(faultproxy.Rule{Method: http.MethodHead, Path: regexp.MustCompile("."), Do: []faultproxy.Action{
			faultproxy.Answer(status, ""), faultproxy.SetHeader("X-Keep-Error", word)}})
		report, err := over(t, c, r.through(proxy.URL())).Check(t.Context(), collection.CheckOptions{})
		if err != nil || report.Counts[want] != 2 || string(report.Objects[0].Word) != word {
			t.Errorf("%s: got %+v, %v", word, report, err)
		}
	}
}
