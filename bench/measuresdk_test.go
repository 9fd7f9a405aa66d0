// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

// TestManifestRows: all numbers of the benchmarks are found.
func TestManifestRows(t *testing.T) {
	const out = `goos: linux
BenchmarkParse-2   	       2	 976871392 ns/op	       337.0 MB-heap	       275.0 MB-live	       192.0 MB-text	         0.9769 s/op
BenchmarkPrint-2   	       2	 410000000 ns/op	         0.4100 s/op
PASS
`
	rows := manifestRows(out)
	if len(rows) != 3 {
		t.Fatalf("there are %d rows", len(rows))
	}
	for i, want := range []float64{0.9769, 337, 0.41} {
		if got := rows[i].Ours; got == nil || got.Median != want {
			t.Errorf("%s is %+v, want %v", rows[i].Name, got, want)
		}
	}
	if rows[0].Met == nil || !*rows[0].Met || rows[2].Met != nil {
		t.Errorf("judged as %v and %v", rows[0].Met, rows[2].Met)
	}
}
