// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// zeros is a stand-in S3 that gives ranges of an endless object of zeros.
func zeros(b *testing.B) *httptest.Server {
	buffer := make([]byte, 256<<10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, last, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-")
		from, _ := strconv.ParseInt(first, 10, 64)
		to, _ := strconv.ParseInt(last, 10, 64)
		h := w.Header()
		h.Set("Content-Range", fmt.Sprintf("bytes %s-%s/50000000000000", first, last))
		h.Set("Content-Length", strconv.FormatInt(to-from+1, 10))
		h.Set("X-Amz-Version-Id", r.URL.Query().Get("versionId"))
		h.Set("Etag", `"e"`)
		w.WriteHeader(http.StatusPartialContent)
		for left := to - from + 1; left > 0; {
			n, err := w.Write(buffer[:min(left, int64(len(buffer)))])
			if err != nil {
				return
			}
			left -= int64(n)
		}
	}))
	b.Cleanup(s.Close)
	return s
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int64{4 << 10, mib, 64 * mib} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			access, reader := rawAccess(zeros(b).URL), s3read.New(s3read.Options{})
			defer reader.Close()
			e := pseudoblock.Extent{Object: locator.Object{Bucket: "bucket", Key: "key", VersionID: "v"}, Offset: 1000, Size: size}
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				body, err := reader.Open(context.Background(), access, e)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := body.WriteTo(io.Discard); err != nil || n != size {
					b.Fatal(n, err)
				}
				_ = body.Close()
			}
		})
	}
}

// BenchmarkVersions lists 20,000 versions in pages of 1000.
func BenchmarkVersions(b *testing.B) {
	const pages = 20
	texts := make([]string, pages)
	for p := range texts {
		entries := make([]string, 1000)
		for i := range entries {
			entries[i] = versionXML(fmt.Sprintf("flat/key-%02d-%04d", p, i), "4HL4kqtJvjVBH40Nrjfkd")
		}
		next := fmt.Sprintf("<NextKeyMarker>flat/key-%02d-0999</NextKeyMarker>", p)
		if p == pages-1 {
			next = ""
		}
		texts[p] = pageXML(next, entries...)
	}
	s := newScript(b, func(n int, _ url.Values) string { return texts[n%pages] })
	reader := s3read.New(s3read.Options{})
	defer reader.Close()
	for b.Loop() {
		n := 0
		for _, err := range reader.Versions(context.Background(), rawAccess(s.URL), "bucket", "", "") {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != pages*1000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*pages*1000), "ns/entry")
}
