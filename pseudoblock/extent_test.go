// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/arvados-s3/keepstore/pseudoblock"
)

const mi = int64(1) << 20

// TestSplit walks the pieces of objects of every notable size, and wants them
// to tile the object exactly.
func TestSplit(t *testing.T) {
	for _, size := range []int64{0, 1, 64*mi - 1, 64 * mi, 64*mi + 1, 1024*mi - 1, 1024 * mi, 1024*mi + 1,
		5 << 40, pseudoblock.MaxSize, math.MaxInt64} {
		for _, cut := range []int64{64 * mi, pseudoblock.Cut, math.MaxInt64, 0} {
			if size/max(cut, mi) > 1e6 && cut != 0 {
				continue // more pieces than a test should walk
			}
			checkTiles(t, size, cut)
		}
	}
}

func checkTiles(t *testing.T, size, cut int64) {
	t.Helper()
	end, pieces := int64(0), int64(0)
	for e := range pseudoblock.Split(object("key"), size, cut) {
		last := e.End() == size
		if e.Offset != end || e.Size <= 0 || cut > 0 && e.Size > cut || cut > 0 && !last && e.Size != cut {
			t.Fatalf("size %d, cut %d: piece %d is [%d, %d) after %d", size, cut, pieces, e.Offset, e.End(), end)
		}
		end = e.End()
		pieces++
	}
	want := int64(0)
	if size > 0 {
		want = 1
		if cut > 0 {
			want += (size - 1) / cut
		}
	}
	if end != size || pieces != want {
		t.Errorf("size %d, cut %d: %d pieces up to %d, want %d", size, cut, pieces, end, want)
	}
}

// TestSplitNearTheEnd walks the cut that would overflow.
func TestSplitNearTheEnd(t *testing.T) {
	checkTiles(t, math.MaxInt64, 1<<62)
	for range pseudoblock.Split(object("key"), 10, 1) {
		break // a consumer may stop
	}
}

func TestExtentCheck(t *testing.T) {
	unpinnedObject := object("key")
	unpinnedObject.VersionID = ""
	for _, c := range []struct {
		name string
		e    pseudoblock.Extent
		want string
	}{
		{"one byte", pseudoblock.Extent{Object: object("key"), Size: 1}, ""},
		{"50 TB", pseudoblock.Extent{Object: object("key"), Size: 50_000_000_000_000}, ""},
		{"50 TB + 1", pseudoblock.Extent{Object: object("key"), Size: 50_000_000_000_001}, tooLarge},
		{"empty", pseudoblock.Extent{Object: object("key")}, badWord},
		{"negative size", pseudoblock.Extent{Object: object("key"), Size: -1}, badWord},
		{"negative offset", pseudoblock.Extent{Object: object("key"), Offset: -1, Size: 1}, badWord},
		{"overflow", pseudoblock.Extent{Object: object("key"), Offset: math.MaxInt64, Size: 1}, badWord},
		{"last byte of 63 bits", pseudoblock.Extent{Object: object("key"), Offset: math.MaxInt64 - 1, Size: 1}, ""},
		{"not pinned", pseudoblock.Extent{Object: unpinnedObject, Size: 1}, unpinned},
		{"no object", pseudoblock.Extent{Size: 1}, badWord},
	} {
		if got := word(t, c.e.Check()); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		for _, f := range []pseudoblock.Form{pseudoblock.Opaque, pseudoblock.Derived} {
			l, err := c.e.Locator(f)
			if got := word(t, err); got != c.want || (err != nil) != l.IsZero() {
				t.Errorf("%s, %s: got %v, %v", c.name, f, l, err)
			}
		}
	}
}

func TestMerge(t *testing.T) {
	a, b := object("a"), object("b")
	x := func(offset, size int64) pseudoblock.Extent {
		return pseudoblock.Extent{Object: a, Offset: offset, Size: size}
	}
	other := pseudoblock.Extent{Object: b, Offset: 20, Size: 5}
	for _, c := range []struct {
		name     string
		in, want []pseudoblock.Extent
		most     int64
	}{
		{"nothing", nil, nil, 100},
		{"neighbours", []pseudoblock.Extent{x(0, 10), x(10, 10)}, []pseudoblock.Extent{x(0, 20)}, 100},
		{"exactly most", []pseudoblock.Extent{x(0, 10), x(10, 10)}, []pseudoblock.Extent{x(0, 20)}, 20},
		{"more than most", []pseudoblock.Extent{x(0, 10), x(10, 10)}, []pseudoblock.Extent{x(0, 10), x(10, 10)}, 19},
		{"gap", []pseudoblock.Extent{x(0, 10), x(11, 10)}, []pseudoblock.Extent{x(0, 10), x(11, 10)}, 100},
		{"overlap", []pseudoblock.Extent{x(0, 10), x(9, 10)}, []pseudoblock.Extent{x(0, 10), x(9, 10)}, 100},
		{"backwards", []pseudoblock.Extent{x(10, 10), x(0, 10)}, []pseudoblock.Extent{x(10, 10), x(0, 10)}, 100},
		{"other object", []pseudoblock.Extent{x(0, 20), other, x(20, 1)}, []pseudoblock.Extent{x(0, 20), other, x(20, 1)}, 100},
		{"most below one piece", []pseudoblock.Extent{x(0, 10), x(10, 10)}, []pseudoblock.Extent{x(0, 10), x(10, 10)}, 5},
		{"large sizes", []pseudoblock.Extent{x(0, math.MaxInt64-1), x(math.MaxInt64-1, 1)}, []pseudoblock.Extent{x(0, math.MaxInt64)}, math.MaxInt64},
	} {
		in := slices.Clone(c.in)
		if diff := cmp.Diff(c.want, pseudoblock.Merge(c.in, c.most)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if !slices.Equal(in, c.in) {
			t.Errorf("%s: Merge changed its argument", c.name)
		}
	}
}

// TestSplitMergeSlice checks that Merge undoes Split, and Slice agrees with both.
func TestSplitMergeSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 5000).Draw(t, "size")
		cut := rapid.Int64Range(1, 600).Draw(t, "cut")
		whole := pseudoblock.Extent{Object: object("key"), Size: size}
		pieces := slices.Collect(pseudoblock.Split(whole.Object, size, cut))
		if got := pseudoblock.Merge(pieces, size); len(got) != 1 || got[0] != whole {
			t.Fatalf("merged to %v", got)
		}
		for _, e := range pieces {
			if whole.Slice(e.Offset, e.Size) != e {
				t.Fatalf("slice differs from piece %v", e)
			}
		}
		most := rapid.Int64Range(1, 6000).Draw(t, "most")
		end := int64(0)
		for _, e := range pseudoblock.Merge(pieces, most) {
			if e.Offset != end || e.Size > max(most, cut) {
				t.Fatalf("merged piece %v after %d, most %d", e, end, most)
			}
			end = e.End()
		}
		if end != size {
			t.Fatalf("merged pieces end at %d of %d", end, size)
		}
	})
}
