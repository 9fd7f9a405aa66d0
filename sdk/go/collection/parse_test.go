// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

const foo = "acbd18db4cc2f85cedef654fccc4a4d8+3"

// TestParseRefuses: text that is no manifest, or has no tree, is refused with
// the line; beside each stands what differs in just the fault.
func TestParseRefuses(t *testing.T) {
	derived := "838ae769c5981b58b69c9a86dad8af2b+512+BczM6Ly9idWNrZXQva2V5P3ZlcnNpb25JZD12MQ+C256"
	for _, row := range []struct{ name, bad, good string }{
		{"cut short", ". " + foo + " 0:3:f", ". " + foo + " 0:3:f\n"},
		{"no block", ". 0:0:f\n", ". d41d8cd98f00b204e9800998ecf8427e+0 0:0:f\n"},
		{"beyond the end", ". " + foo + " 0:4:f\n", ". " + foo + " 0:3:f\n"},
		{"begins beyond the end", ". " + foo + " 4:0:f\n", ". " + foo + " 3:0:f\n"},
		{"negative position", ". " + foo + " -1:3:f\n", ". " + foo + " 1:2:f\n"},
		{"position does not fit", ". " + foo + " 9223372036854775807:3:f\n", ". " + foo + " 0:3:f\n"},
		{"number with a sign", ". " + foo + " 0:+3:f\n", ". " + foo + " 0:03:f\n"},
		{"dots as a name", ". " + foo + " 0:3:..\n", ". " + foo + " 0:3:...\n"},
		{"dots in a path", ". " + foo + " 0:3:a/../f\n", ". " + foo + " 0:3:a/..b/f\n"},
		{"dots, escaped", ". " + foo + ` 0:3:\056\056` + "\n", ". " + foo + ` 0:3:\056\056\056` + "\n"},
		{"dots in a stream", "./a/../b " + foo + " 0:3:f\n", "./a/b " + foo + " 0:3:f\n"},
		{"dot with bytes", ". " + foo + ` 0:3:\056` + "\n", ". " + foo + ` 0:0:\056` + "\n"},
		{"empty part", ". " + foo + " 0:3:a//f\n", ". " + foo + " 0:3:a/f\n"},
		{"slash at the end", ". " + foo + " 0:3:a/\n", ". " + foo + " 0:3:a\n"},
		{"bad escape", ". " + foo + ` 0:3:a\9` + "\n", ". " + foo + ` 0:3:a\\9` + "\n"},
		{"no UTF-8", ". " + foo + " 0:3:a\xff\n", ". " + foo + " 0:3:aÿ\n"},
		{"file and folder", ". " + foo + " 0:3:a 0:3:a/b\n", ". " + foo + " 0:3:a 0:3:b/a\n"},
		{"folder and file", "./a " + foo + " 0:3:b\n. " + foo + " 0:3:a\n", "./a " + foo + " 0:3:b\n. " + foo + " 0:3:b\n"},
		{"bad locator", ". " + foo + "+z 0:3:f\n", ". " + foo + "+Z 0:3:f\n"},
		{"edited reference", ". " + strings.Replace(derived, "C256", "C257", 1) + " 0:3:f\n", ". " + derived + " 0:3:f\n"},
		{"blocks do not fit", ". " + strings.Repeat("ffffffffffffffffffffffffffffffff+9223372036854775807+Bx+C0 ", 2) + "0:3:f\n",
			". ffffffffffffffffffffffffffffffff+9223372036854775807+Bx+C0 0:3:f\n"},
		{"files do not fit", ". ffffffffffffffffffffffffffffffff+9223372036854775807+Bx+C0 0:9223372036854775807:f 0:1:f\n",
			". ffffffffffffffffffffffffffffffff+9223372036854775807+Bx+C0 0:9223372036854775807:f 0:0:f\n"},
	} {
		if _, err := Parse(row.bad); KindOf(err) != BadManifest || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%s: got %v", row.name, err)
		}
		if _, err := Parse(row.good); err != nil {
			t.Errorf("%s: what is right gave %v", row.name, err)
		}
	}
}

// TestOverlaps: files may share bytes, also in any order.
func TestOverlaps(t *testing.T) {
	c, err := Parse(". " + foo + " 37b51d194a7513e45b56f6524f2d51f2+3 2:3:a 0:6:a 4:1:b 4:1:b 0:0:b 5:1:b\n")
	if err != nil {
		t.Fatal(err)
	}
	got := reprint(t, c)
	const bar = "37b51d194a7513e45b56f6524f2d51f2+3"
	// Parts stand in the first two blocks, the whole ones are listed for a anew.
	if want := ". " + foo + " " + bar + " " + foo + " " + bar + " 2:3:a 6:6:a 4:1:b 4:2:b\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	again, err := Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"a": 9, "b": 3} {
		if info, err := again.Stat(name); err != nil || info.Size() != size {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestDeepPaths: ten thousand folders, one in the other, are read, printed,
// walked, changed and removed.
func TestDeepPaths(t *testing.T) {
	deep := strings.TrimSuffix(strings.Repeat("d/", 10_000), "/")
	text := "./" + deep + " " + foo + " 0:3:f\n"
	c, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := reprint(t, c); got != text {
		t.Error("it is printed otherwise")
	}
	if normal, err := c.NormalizedText(); err != nil || normal != text {
		t.Errorf("the normal form differs, %v", err)
	}
	n := 0
	err = fs.WalkDir(c, ".", func(string, fs.DirEntry, error) error { n++; return nil })
	if err != nil || n != 10_002 {
		t.Errorf("%d entries, %v", n, err)
	}
	for _, err := range []error{
		c.Copy("copy", c, "d"),
		c.Rename(deep+"/f", deep+"/g"),
		c.Remove(strings.TrimPrefix(deep, "d/")),
	} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	if _, err := c.Stat(deep + "/f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the rename: %v", err)
	}
	if _, err := c.Stat("copy/" + strings.TrimPrefix(deep, "d/") + "/f"); err != nil {
		t.Errorf("the copy: %v", err)
	}
}

// TestTooManyFolders: folders cost more than their text, so they are bounded.
func TestTooManyFolders(t *testing.T) {
	text := "./a/b/c " + foo + " 0:3:f\n./a/d " + foo + " 0:3:f\n"
	for folders, fails := range map[int]bool{3: true, 4: false} {
		p := &parser{root: &folder{}, folders: folders, pieces: maxPieces}
		if err := p.parse(text); (KindOf(err) == BadManifest) != fails {
			t.Errorf("with %d folders: %v", folders, err)
		}
	}
}

// TestManyReferences: each of many files may have all of many blocks, and the
// tree is no larger than the text.
func TestManyReferences(t *testing.T) {
	const n = 5000
	text := "." + strings.Repeat(" "+foo, n)
	for i := range n {
		text += fmt.Sprintf(" 0:%d:f%d", 3*n, i)
	}
	c, err := Parse(text + "\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range c.root.files {
		if len(f.spans) != 1 {
			t.Errorf("%s has %d spans", name, len(f.spans))
		}
	}
	if _, err := normalize(c.root, piece.text, 1<<20); KindOf(err) != TooLarge {
		t.Errorf("the normal form, which is larger, gave %v", err)
	}
}

// TestCorruptionsOfCollectionfs: where Arvados' Go code takes blocks with one
// hash for each other, here every reference stays what it is.
func TestCorruptionsOfCollectionfs(t *testing.T) {
	text, err := os.ReadFile("testdata/go_collectionfs_corruption.json")
	if err != nil {
		t.Fatal(err)
	}
	type loaded struct{ Loaded string }
	var file struct {
		Sync   loaded
		Equal  loaded   `json:"sync_equal_sizes_result_is_a_VALID_but_wrong_manifest"`
		Silent []loaded `json:"sync_without_any_local_change"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	cases := append(file.Silent, file.Sync, file.Equal)
	if len(cases) < 6 {
		t.Fatalf("there are only %d cases", len(cases))
	}
	for _, one := range cases {
		c, err := Parse(one.Loaded)
		if err != nil {
			t.Fatal(err)
		}
		other, err := Parse(". " + foo + " 0:3:new.txt\n")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Copy("new.txt", other, "new.txt"); err != nil {
			t.Fatal(err)
		}
		got, err := c.ManifestText()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Remove("new.txt"); err != nil {
			t.Fatal(err)
		}
		before, _ := Parse(one.Loaded)
		a, _ := before.NormalizedText()
		if b, _ := again.NormalizedText(); a != b || strings.Count(got, "+B") != strings.Count(one.Loaded, "+B") {
			t.Errorf("%q became %q", one.Loaded, got)
		}
	}
}
