// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
)

// sharedObjects is a collection that has the object "one" in two pieces and
// in three files, "two" in one that begins with an ordinary block, and a block
// of content form that is in "three" or "four".
func sharedObjects(t testing.TB) *Collection {
	t.Helper()
	content := "0123456789abcdef0123456789abcdef+5"
	for _, key := range []string{"three", "four"} {
		o := locator.Object{Bucket: "bucket", Key: key, ETag: "e"}
		content += "+B" + o.Encode() + "+C7"
	}
	c, err := Parse(". " + strings.Join([]string{opaque(t, "one", 0, 10), opaque(t, "one", 10, 5), foo, opaque(t, "two", 100, 4)}, " ") +
		" 0:15:b 2:3:a 15:7:c\n./d " + opaque(t, "one", 10, 5) + " " + content + "+Vmd5 0:5:e 5:5:f 0:0:g\n")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestObjectsIn(t *testing.T) {
	c := sharedObjects(t)
	for path, want := range map[string]string{
		".":   "one 15 23 3, two 104 4 1, three 12 5 1, four 12 5 1",
		"a":   "one 10 3 1",
		"c":   "two 104 4 1",
		"d":   "one 15 5 1, three 12 5 1, four 12 5 1",
		"d/g": "",
	} {
		var got []string
		for use, err := range c.ObjectsIn(path) {
			if err != nil {
				t.Fatal(err)
			}
			if use.Object.Bucket != "bucket" || !use.Object.Pinned() {
				t.Errorf("%s: %+v", path, use)
			}
			got = append(got, fmt.Sprint(use.Object.Key, " ", use.Size, " ", use.Bytes, " ", use.Files))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s needs %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"nothing", "/a", ""} {
		for use, err := range c.ObjectsIn(path) {
			if path == "nothing" && !errors.Is(err, fs.ErrNotExist) || err == nil {
				t.Errorf("%q: %+v, %v", path, use, err)
			}
		}
	}
}

// TestObjectsWhileChanging: the iteration may end early, and what is done to
// the collection meanwhile neither shows nor waits.
func TestObjectsWhileChanging(t *testing.T) {
	c, seen := sharedObjects(t), 0
	for range c.ObjectsIn(".") {
		if seen++; seen > 1 {
			continue
		}
		if err := c.Remove("d"); err != nil {
			t.Fatal(err)
		}
	}
	if seen != 4 || len(c.Objects()) != 2 {
		t.Errorf("%d objects were seen, and are %+v now", seen, c.Objects())
	}
	for range c.ObjectsIn(".") {
		break
	}
}

func TestExtents(t *testing.T) {
	c := sharedObjects(t)
	for path, want := range map[string]string{
		"b":   "0+15=one@0",
		"a":   "0+3=one@2",
		"c":   "0+3=@0 3+4=two@100",
		"d/e": "0+5=one@10",
		"d/f": "0+5=three@7",
		"d/g": "",
	} {
		f, err := c.OpenFile(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for e := range f.Extents() {
			got = append(got, fmt.Sprintf("%d+%d=%s@%d", e.Offset, e.Size, e.Object.Key, e.ObjectOffset))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s comes from %q, want %q", path, got, want)
		}
		for range f.Extents() {
			break
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestUseCounts: WhereUsed counts each piece once, whichever of the objects
// that may have its bytes is asked for.
func TestUseCounts(t *testing.T) {
	c := sharedObjects(t)
	for url, want := range map[string]Use{
		"s3://bucket/":     {Objects: 4, Files: 5, Bytes: 32},
		"s3://bucket/four": {Objects: 1, Files: 1, Bytes: 5},
		"s3://bucket/one":  {Objects: 1, Files: 3, Bytes: 23},
		"s3://bucket/five": {},
	} {
		w, err := parseWanted(url)
		if err != nil {
			t.Fatal(err)
		}
		var got Use
		if got.count(w, c.root); got.Objects != want.Objects || got.Files != want.Files || got.Bytes != want.Bytes {
			t.Errorf("%s: %+v, want %+v", url, got, want)
		}
	}
	if got := prefixesOf(c.root); !slices.Equal(got, []string{"s3://bucket/"}) {
		t.Errorf("the folders are %q", got)
	}
}
