// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// BenchmarkAdd is the cost of one file of one block.
func BenchmarkAdd(b *testing.B) {
	w := manifest.NewWriter(io.Discard)
	f := file{"dir/some file.bam", 512, blocks(b, opaque)}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Add(f.path, f.size, f.blocks); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRewrite is the cost of one file of one block.
func BenchmarkRewrite(b *testing.B) {
	var text bytes.Buffer
	w := manifest.NewWriter(&text)
	const files = 100_000
	for i := range files {
		if err := w.Add(fmt.Sprintf("dir%d/some file %d.bam", i/1000, i), 512, blocks(b, opaque)); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	same := func(l locator.Locator) (locator.Locator, error) { return l, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := manifest.Rewrite(text.String(), same); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/files, "ns/file")
}
