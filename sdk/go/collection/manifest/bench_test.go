// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"io"
	"testing"

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
