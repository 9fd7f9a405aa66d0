// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestPace: a percentage and the time left are told only where the total is
// known, and the speed is that of this run.
func TestPace(t *testing.T) {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for want, x := range map[string]struct {
		from int64
		p    collection.Progress
	}{
		"0 files, 0 B, 0 keys/s, 10s":                                       {0, collection.Progress{}},
		"1,000 files, 1.0 KiB, 100 keys/s, 10s, at a/b\\033c":               {0, collection.Progress{Listed: 1000, Files: 1000, Bytes: 1024, At: "a/b\x1bc"}},
		"900 files, 0 B, 100 left out, 50 keys/s, 10s":                      {500, collection.Progress{Listed: 1000, Files: 900, Skipped: 100}},
		"1,000 files, 0 B, 25% of 4,000 keys, 50 keys/s, 10s, 1m0s left":    {500, collection.Progress{Listed: 1000, Files: 1000, Total: 4000, At: "x"}},
		"10 files, 0 B, 10% of 100 keys, 5.0 MiB read, 10s, 1m30s left":     {0, collection.Progress{Listed: 10, Files: 10, Total: 100, BytesRead: 5 << 20}},
		"0 files, 0 B, 0% of 100 keys, 0 keys/s, 10s":                       {0, collection.Progress{Total: 100}},
		"1 file, 0 B, 0 keys/s, 10s, at …" + strings.Repeat("é", 38) + "/f": {0, collection.Progress{Listed: 1, Files: 1, At: strings.Repeat("é", 100) + "/f"}},
	} {
		c := pace{begin, x.from}
		if got := c.text(x.p, begin.Add(10*time.Second)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
