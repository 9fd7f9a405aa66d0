// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// manyFiles is manifest text as an import of n objects gives it, signed.
func manyFiles(b testing.TB, n int) string {
	b.Helper()
	var text strings.Builder
	const signature = "+A0123456789abcdef0123456789abcdef01234567@7fffffff"
	for i := 0; i < n; i += 1000 {
		fmt.Fprintf(&text, "./run%03d", i/1000)
		var files strings.Builder
		for j := range min(1000, n-i) {
			text.WriteString(" " + opaque(b, fmt.Sprintf("project/run%03d/sample-%07d.cram", i/1000, i+j), 0, 123456) + signature)
			fmt.Fprintf(&files, " %d:123456:sample-%07d.cram", j*123456, i+j)
		}
		text.WriteString(files.String() + "\n")
	}
	return text.String()
}

// BenchmarkParse reads a manifest of a million files, each time in a heap where
// nothing is left of the time before. It reports the largest heap, and what is
// alive at the end, both with the text.
func BenchmarkParse(b *testing.B) {
	text := manyFiles(b, 1_000_000)
	var c *Collection
	var m runtime.MemStats
	peak := uint64(0)
	for b.Loop() {
		b.StopTimer()
		c = nil
		debug.FreeOSMemory()
		b.StartTimer()
		var err error
		if c, err = Parse(text); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapSys-m.HeapReleased)
		b.StartTimer()
	}
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(len(text))/1e6, "MB-text")
	b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-live")
	b.ReportMetric(float64(peak)/1e6, "MB-heap")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/op")
	runtime.KeepAlive(c)
}

// BenchmarkPrint prints a changed collection of a million files.
func BenchmarkPrint(b *testing.B) {
	c, err := Parse(manyFiles(b, 1_000_000))
	if err != nil {
		b.Fatal(err)
	}
	c.touch()
	start := time.Now()
	for b.Loop() {
		if _, err := c.ManifestText(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(time.Since(start).Seconds()/float64(b.N), "s/op")
}

// BenchmarkImportLines takes the answer to an import of 100,000 objects.
func BenchmarkImportLines(b *testing.B) {
	const files = 100_000
	var answer strings.Builder
	for i := range files {
		l := opaque(b, fmt.Sprintf("project/run%03d/sample-%07d.cram", i/1000, i), 0, 123456)
		fmt.Fprintf(&answer, `{"type":"file","path":"run%03d/sample-%07d.cram","url":"s3://bucket/project/run%03d/sample-%07d.cram?versionId=v1",`+
			`"version_id":"v1","size":123456,"etag":"d41d8cd98f00b204e9800998ecf8427e","last_modified":"2026-10-01T00:00:00Z","storage_class":"STANDARD","locator":"%s+A0123456789abcdef0123456789abcdef01234567@7fffffff"}`+"\n",
			i/1000, i, i/1000, i, l)
	}
	for b.Loop() {
		im := &importing{c: newCollection(nil, nil, &folder{}), root: &folder{}, text: manifest.NewWriter(io.Discard),
			result: &ImportResult{Classes: map[string]int64{}}}
		for lines := json.NewDecoder(strings.NewReader(answer.String())); ; {
			var l line
			if err := lines.Decode(&l); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			if err := im.lines([]line{l}); err != nil {
				b.Fatal(err)
			}
		}
		if im.files != files {
			b.Fatal(im.files)
		}
	}
	b.ReportMetric(float64(b.N)*files/b.Elapsed().Seconds(), "objects/s")
}

// BenchmarkObjects goes through the objects of a million files. The memory is
// what that takes beside the collection.
func BenchmarkObjects(b *testing.B) {
	c, err := Parse(manyFiles(b, 1_000_000))
	if err != nil {
		b.Fatal(err)
	}
	live := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / 1e6
	}
	before, during := live(), 0.0
	for b.Loop() {
		objects := 0
		for use, err := range c.ObjectsIn(".") {
			if objects++; err != nil || use.Size != 123456 {
				b.Fatal(use, err)
			}
			if objects == 500_000 {
				during = live()
			}
		}
	}
	b.ReportMetric(before, "MB-collection")
	b.ReportMetric(during-before, "MB-more")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/op")
}
