// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestSmallFilesShareBlocks: many small files are few blocks, and read back
// before and after they are stored.
func TestSmallFilesShareBlocks(t *testing.T) {
	r := newRig(t)
	proxy := faultproxy.New(t, r.keepURL)
	proxy.Set()
	client := r.through(proxy.URL())
	c := client.New()
	for i := range 200 {
		if err := c.WriteFile(t.Context(), fmt.Sprintf("d%d/%03d", i%3, i), bytesOf(byte(i), i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(proxy.Log()); n != 0 {
		t.Errorf("%d requests before anything must be stored", n)
	}
	check := func(c *collection.Collection) {
		t.Helper()
		for i := range 200 {
			wantBytes(t, c, fmt.Sprintf("d%d/%03d", i%3, i), bytesOf(byte(i), i))
		}
	}
	check(c)
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	check(c)
	puts := 0
	for _, request := range proxy.Log() {
		if request.Method == http.MethodPut {
			puts++
		}
	}
	if puts != 1 {
		t.Errorf("%d blocks were stored", puts)
	}
	loaded, err := r.admin.Load(t.Context(), c.Record().UUID)
	if err != nil {
		t.Fatal(err)
	}
	check(loaded)
}

// TestWriterOfMuch: a file of several blocks, written in small pieces.
func TestWriterOfMuch(t *testing.T) {
	r := newRig(t)
	data := bytesOf(1, 130<<20+17)
	c := r.admin.New()
	w, err := c.Create(t.Context(), "sub/much")
	if err != nil {
		t.Fatal(err)
	}
	for rest := data; len(rest) > 0; {
		n, err := w.Write(rest[:min(1<<20+7, len(rest))])
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if _, err := c.Stat("sub/much"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is there before it is closed: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closing twice gave %v", err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("writing after that gave %v", err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, over(t, c, r.through(r.keepURL)), "sub/much", data)
}

// TestUploadFails: what cannot be stored is told, and the collection is as it
// was; when the service is well again, the same works.
func TestUploadFails(t *testing.T) {
	r := newRig(t)
	proxy := faultproxy.New(t, r.keepURL)
	c := r.through(proxy.URL()).New()
	large := bytes.Repeat([]byte("x"), 65<<20)
	full := faultproxy.Rule{Method: http.MethodPut, Do: []faultproxy.Action{faultproxy.Answer(http.StatusInsufficientStorage, "full")}}
	proxy.Set(full)
	if err := c.WriteFile(t.Context(), "large", large); err == nil {
		t.Error("a full service stored a file")
	}
	if files, _ := c.Size(); files != 0 {
		t.Errorf("there are %d files", files)
	}
	if err := c.WriteFile(t.Context(), "small", []byte("small")); err != nil {
		t.Error(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{}); err == nil || c.Record().UUID != "" {
		t.Errorf("a full service stored a block: %v", err)
	}
	wrong := faultproxy.Body(func([]byte) []byte { return []byte("acbd18db4cc2f85cedef654fccc4a4d8+3\n") })
	proxy.Set(faultproxy.Rule{Method: http.MethodPut, Do: []faultproxy.Action{wrong}})
	if err := c.Save(t.Context(), collection.SaveOptions{}); collection.KindOf(err) != "keep-bad-reply" {
		t.Errorf("another locator gave %v", err)
	}
	proxy.Set(faultproxy.Rule{Method: http.MethodPut, Count: 1, Do: []faultproxy.Action{faultproxy.ResetAt(faultproxy.BeforeHeaders)}})
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Error(err)
	}
	wantBytes(t, c, "small", []byte("small"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.WriteFile(ctx, "large", large); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled upload gave %v", err)
	}
}

// TestAtOnce: goroutines write, change, read and save one collection.
func TestAtOnce(t *testing.T) {
	r := newRig(t)
	r.fill()
	c, _ := r.imported(r.admin, "data/")
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "busy"}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := fmt.Sprintf("own%d", i)
			for j := range 10 {
				data := bytesOf(byte(i), 1000+j)
				for _, err := range []error{
					c.WriteFile(t.Context(), name+"/f", data),
					c.Copy(name+"/sub", c, "sub"),
					c.Rename(name+"/sub", name+"/moved"),
				} {
					if err != nil {
						t.Error(err)
					}
				}
				wantBytes(t, c, name+"/f", data)
				wantBytes(t, c, name+"/moved/x+y&z=1", bytesOf(4, 9))
				if err := c.Remove(name + "/moved"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		wg.Go(func() {
			err := fs.WalkDir(c, "sub", func(_ string, _ fs.DirEntry, err error) error { return err })
			if err != nil {
				t.Error(err)
			}
			if _, err := c.NormalizedText(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Go(func() {
		for range 3 {
			if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	loaded, err := r.admin.Load(t.Context(), c.Record().UUID)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		wantBytes(t, loaded, fmt.Sprintf("own%d/f", i), bytesOf(byte(i), 1009))
	}
}
