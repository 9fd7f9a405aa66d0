// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"testing"
)

// TestMerge: all files come, clashes are dealt with as asked, and neither
// collection changes with the other afterwards.
func TestMerge(t *testing.T) {
	const base, more = ". d41d8cd98f00b204e9800998ecf8427e+0 0:0:a 0:0:b\n./d d41d8cd98f00b204e9800998ecf8427e+0 0:0:e\n",
		". d41d8cd98f00b204e9800998ecf8427e+0 0:0:c 0:0:d\n./a d41d8cd98f00b204e9800998ecf8427e+0 0:0:x\n"
	parsed := func(text string) *Collection {
		t.Helper()
		c, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for clash, want := range map[Clash]string{
		ClashRefuse:  base,
		ClashKeep:    ". d41d8cd98f00b204e9800998ecf8427e+0 0:0:a 0:0:b 0:0:c\n./d d41d8cd98f00b204e9800998ecf8427e+0 0:0:e\n",
		ClashReplace: "./a d41d8cd98f00b204e9800998ecf8427e+0 0:0:x\n. d41d8cd98f00b204e9800998ecf8427e+0 0:0:b 0:0:c 0:0:d\n",
	} {
		c, from := parsed(base), parsed(more)
		from.imported = []SourceRecord{{Files: 3}}
		clashes, err := c.Merge(from, clash)
		if clashes != 2 || (KindOf(err) == NameClash) != (clash == ClashRefuse) || (len(c.imported) == 0) != (clash == ClashRefuse) {
			t.Errorf("%d: %d clashes, %+v, %v", clash, clashes, c.imported, err)
		}
		if text, err := c.ManifestText(); err != nil || text != want {
			t.Errorf("%d: got %q, %v", clash, text, err)
		}
	}
	empty, from := parsed(""), parsed(more)
	if err := from.Mkdir("empty"); err != nil {
		t.Fatal(err)
	}
	if clashes, err := empty.Merge(from, ClashRefuse); clashes != 0 || err != nil {
		t.Fatal(clashes, err)
	}
	if err := empty.Remove("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Stat("a/x"); err != nil {
		t.Errorf("what was merged went with the copy: %v", err)
	}
	if _, err := empty.Merge(from, ClashKeep); err != nil {
		t.Error(err)
	}
	if info, err := empty.Stat("empty"); err != nil || !info.IsDir() {
		t.Errorf("the empty folder is %v, %v", info, err)
	}
}
