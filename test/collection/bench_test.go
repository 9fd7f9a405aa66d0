// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// BenchmarkSequential reads an object of 1 GiB: with the SDK, and next to it
// from keepstore by as many ranged requests at once as the SDK makes.
func BenchmarkSequential(b *testing.B) {
	const size = 1 << 30
	r := newRig(b)
	r.put("big/object", bytesOf(1, size))
	c, _ := r.imported(r.admin, "big/")
	text, err := c.ManifestText()
	if err != nil {
		b.Fatal(err)
	}
	path := "/" + strings.Fields(text)[1]
	bench := func(name string, read func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for range 2 { // one after the other, twice
		bench("direct", func() error { return r.direct(path, size) })
		bench("WriteTo", func() error { return r.sequential(c, func(f *collection.File) io.Reader { return f }) })
		bench("Read32K", func() error {
			return r.sequential(c, func(f *collection.File) io.Reader { return struct{ io.Reader }{f} })
		})
	}
}

func (r *rig) sequential(c *collection.Collection, as func(*collection.File) io.Reader) error {
	client := r.through(r.keepURL) // with an empty cache
	defer client.Close()
	f, err := over(r.t, c, client).OpenFile(r.t.Context(), "object")
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, as(f), make([]byte, 32<<10))
	if err == nil && n != f.Size() {
		err = fmt.Errorf("read %d bytes", n)
	}
	return err
}

// direct fetches a block in parts of 4 MiB, four at once.
func (r *rig) direct(path string, size int64) error {
	const part = 4 << 20
	next := make(chan int64)
	var wg sync.WaitGroup
	var failed sync.Map
	for range 4 {
		wg.Go(func() {
			buffer := make([]byte, part)
			for at := range next {
				if err := r.get(path, at, buffer); err != nil {
					failed.Store(at, err)
				}
			}
		})
	}
	for at := int64(0); at < size; at += part {
		next <- at
	}
	close(next)
	wg.Wait()
	var err error
	failed.Range(func(_, v any) bool { err = v.(error); return false })
	return err
}

func (r *rig) get(path string, at int64, p []byte) error {
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.keepURL+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.api.Settings().Token.Reveal())
	req.Header.Set("X-Keep-Pseudo-Blocks", "1")
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", at, at+int64(len(p))-1))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.ReadFull(resp.Body, p)
	return err
}

// BenchmarkRandom reads 4 KiB at random offsets of 256 MiB, and tells how many
// bytes were asked of keepstore for each byte that was wanted.
func BenchmarkRandom(b *testing.B) {
	const size, part = 256 << 20, 4096
	r := newRig(b)
	r.put("big/object", bytesOf(1, size))
	c, _ := r.imported(r.admin, "big/")
	b.Run("requests", func(b *testing.B) {
		client := r.through(r.keepURL)
		f, err := over(b, c, client).OpenFile(b.Context(), "object")
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		p := make([]byte, part)
		for b.Loop() {
			if _, err := f.ReadAt(p, rand.Int64N(size-part)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bytes", func(b *testing.B) {
		proxy := faultproxy.New(b, r.keepURL)
		f, err := over(b, c, r.through(proxy.URL())).OpenFile(b.Context(), "object")
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		p := make([]byte, part)
		for b.Loop() {
			if _, err := f.ReadAt(p, rand.Int64N(size-part)); err != nil {
				b.Fatal(err)
			}
		}
		asked := int64(0)
		for _, request := range proxy.Log() {
			var from, to int64
			if _, err := fmt.Sscanf(request.Range, "bytes=%d-%d", &from, &to); err != nil {
				b.Fatal(err)
			}
			asked += to - from + 1
		}
		b.ReportMetric(float64(asked)/float64(part)/float64(b.N), "asked/wanted")
	})
}

// BenchmarkCheck asks for 1,000 object versions.
func BenchmarkCheck(b *testing.B) {
	r := newRig(b)
	r.many("many/", 1000)
	c, _ := r.imported(r.admin, "many/")
	for b.Loop() {
		if report, err := c.Check(b.Context(), collection.CheckOptions{}); err != nil || !report.Good() {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "objects/s")
}
