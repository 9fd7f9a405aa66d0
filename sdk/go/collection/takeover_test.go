// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// someTree draws a small tree, made by changing another.
func someTree(t *rapid.T, name string, from *folder) *folder {
	c := newCollection(nil, newOrigin(nil, ""), from.clone())
	for i := range rapid.IntRange(0, 5).Draw(t, name) {
		path := rapid.SampledFrom([]string{"a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "f/a"}).Draw(t, fmt.Sprint(name, " path ", i))
		switch n := rapid.IntRange(-2, 3).Draw(t, fmt.Sprint(name, " block ", i)); n {
		case -2:
			_ = c.Remove(path) // it may be there or not
		case -1:
			_ = c.Mkdir(path) // the same
		default:
			l := fmt.Sprintf("%032x+10", n)
			_ = c.put(path, &file{size: 10, spans: []span{{&run{blocks: []block{{l, 10}}}, 0, 10}}}) // the same
		}
	}
	return c.root
}

// TestRedo: what two programs changed is all there when the changes of one are
// made again on top of the other's, or both are told of a conflict; and there is
// one only where both changed something at one path.
func TestRedo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := someTree(t, "base", &folder{})
		mine, theirs := someTree(t, "mine", base), someTree(t, "theirs", base)
		first, second := deltas(base, mine), deltas(base, theirs)
		both := theirs.clone()
		err := redo(first, both)
		if len(missing(first, mine)) > 0 || len(missing(second, theirs)) > 0 {
			t.Fatalf("%v are not in what they lead to, or %v", first, second)
		}
		if err != nil {
			if KindOf(err) != Conflict || len(first) == 0 || len(second) == 0 {
				t.Fatalf("got %v for %v and %v", err, first, second)
			}
			return
		}
		if lost := missing(first, both); len(lost) > 0 {
			t.Fatalf("of mine is lost: %v", lost)
		}
		for _, lost := range missing(second, both) {
			if lost.was.file != nil || lost.is.file != nil {
				t.Fatalf("of theirs is lost: %v", lost)
			}
		}
	})
}

// TestRedoConflict: the rows that chance may miss.
func TestRedoConflict(t *testing.T) {
	const a, b, c = " 0cc175b9c0f1b6a831c399e269772661+1", " 92eb5ffee6ae2fec3ad71c777531578f+1", " 4a8a08f09d37b73795649038408b5f33+1"
	file := func(block, path string) string { return "." + block + " 0:1:" + path + "\n" }
	for name, row := range map[string]struct{ base, mine, theirs, both string }{
		"two new files":        {"", file(a, "x"), file(b, "y"), file(a, "x") + file(b, "y")},
		"one name":             {"", file(a, "x"), file(b, "x"), ""},
		"one file":             {"", file(a, "x"), file(a+"+A0123456789abcdef0123456789abcdef01234567@7fffffff", "x"), file(a, "x")},
		"both replace":         {file(a, "x"), file(b, "x"), file(c, "x"), ""},
		"I remove, they not":   {file(a, "x") + file(b, "y"), file(b, "y"), file(a, "x") + file(b, "y") + file(c, "z"), file(b, "y") + file(c, "z")},
		"I remove, they write": {file(a, "x"), "", file(b, "x"), ""},
		"I write, they remove": {file(a, "x"), file(b, "x"), "", ""},
		"both remove":          {file(a, "x") + file(b, "y"), file(b, "y"), file(b, "y"), file(b, "y")},
		"a file in my folder":  {"", "./d" + a + " 0:1:x\n", file(b, "d"), ""},
		"a folder for my file": {"", file(a, "d"), "./d" + b + " 0:1:x\n", ""},
	} {
		trees := map[string]*folder{}
		for which, text := range map[string]string{"base": row.base, "mine": row.mine, "theirs": row.theirs, "both": row.both} {
			root, err := parse(text, nil)
			if err != nil {
				t.Fatal(err)
			}
			trees[which] = root
		}
		err := redo(deltas(trees["base"], trees["mine"]), trees["theirs"])
		if row.both == "" {
			if KindOf(err) != Conflict {
				t.Errorf("%s: got %v", name, err)
			}
		} else if left := deltas(trees["both"], trees["theirs"]); err != nil || len(left) > 0 {
			t.Errorf("%s: got %v, %v", name, left, err)
		}
	}
}
