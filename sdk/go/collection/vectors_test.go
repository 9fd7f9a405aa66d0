// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// vector is a manifest with what Arvados' Go and Python code made of it.
type vector struct {
	Name     string
	Text     string
	StockPDH string `json:"stock_pdh"`
	// Normal is what Go's collectionfs prints; GoError why it does not load.
	Normal  string
	GoError string `json:"go_error"`
	GoTree  []struct {
		Path string
		Size int64
	} `json:"go_tree"`
	// Files are those of Python, which reads octal escapes otherwise.
	Files []struct {
		Path     string
		Size     int64
		Segments []segment
		MD5      string
	}
	Dirs []string
}

type segment struct {
	Locator        string
	Offset, Length int64
}

type vectorFile struct {
	Source  string
	Blocks  map[string][]byte
	Vectors []vector
}

func loadVectors(t testing.TB) vectorFile {
	t.Helper()
	f, err := os.Open("testdata/manifests.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var file vectorFile
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 29 {
		t.Fatalf("there are %d vectors, not 29", len(file.Vectors))
	}
	return file
}

// stricter says where this package refuses or prints otherwise than stock
// Arvados, and why.
func stricter() map[string]string {
	return map[string]string{
		"oversize pseudo-block 2 GiB": "Go refuses blocks of 2 GiB and more, Python and this package read them",
	}
}

// TestVectorTrees: names, sizes and segments are those of stock Arvados.
func TestVectorTrees(t *testing.T) {
	for _, v := range loadVectors(t).Vectors {
		c, err := Parse(v.Text)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		got, want := treeOf(c.root), map[string]int64{}
		for _, e := range v.GoTree {
			want[e.Path] = e.Size
		}
		if v.GoError != "" {
			if stricter()[v.Name] == "" {
				t.Errorf("%s: Go refuses it (%s), and no reason is given why it is read here", v.Name, v.GoError)
			}
			for _, f := range v.Files {
				want[f.Path] = f.Size
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", v.Name, diff)
		}
		if !strings.Contains(v.Text, `\303`) { // Python reads these bytes as two characters
			checkSegments(t, v, c)
		}
	}
}

// treeOf lists files with their sizes, and folders as -1.
func treeOf(d *folder) map[string]int64 {
	tree := map[string]int64{}
	var add func(prefix string, d *folder)
	add = func(prefix string, d *folder) {
		for _, e := range d.list() {
			if e.file != nil {
				tree[prefix+e.name] = e.file.size
				continue
			}
			tree[prefix+e.name+"/"] = -1
			add(prefix+e.name+"/", e.folder)
		}
	}
	add("", d)
	return tree
}

func checkSegments(t *testing.T, v vector, c *Collection) {
	t.Helper()
	for _, want := range v.Files {
		f, _ := c.root.find(want.Path)
		if f == nil {
			t.Errorf("%s: there is no %s", v.Name, want.Path)
			continue
		}
		var got []segment
		f.pieces(func(p piece) bool {
			got = append(got, segment{p.text(), p.offset, p.size})
			return true
		})
		want.Segments = slices.DeleteFunc(want.Segments, func(s segment) bool { return s.Length == 0 })
		if diff := cmp.Diff(want.Segments, got, cmp.Transformer("empty", func(s []segment) []segment { return slices.Clip(append([]segment{}, s...)) })); diff != "" && len(got)+len(want.Segments) > 0 {
			t.Errorf("%s: %s: %s", v.Name, want.Path, diff)
		}
	}
}

// TestVectorNormalForm: the normal form is that of Go's collectionfs, also for
// pseudo-blocks, as long as it does not take two for one.
func TestVectorNormalForm(t *testing.T) {
	for _, v := range loadVectors(t).Vectors {
		c, err := Parse(v.Text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.NormalizedText()
		if v.GoError != "" {
			v.Normal = v.Text
		}
		if err != nil || got != v.Normal {
			t.Errorf("%s:\ngot  %q\nwant %q\n%v", v.Name, got, v.Normal, err)
		}
		again, err := Parse(got)
		if err != nil {
			t.Errorf("%s: the normal form cannot be read: %v", v.Name, err)
			continue
		}
		if twice, _ := again.NormalizedText(); twice != got {
			t.Errorf("%s: the normal form of the normal form is %q", v.Name, twice)
		}
	}
}

// TestVectorPDH: what was loaded and not changed has the portable data hash of
// its text, which for ordinary blocks is that of stock Arvados.
func TestVectorPDH(t *testing.T) {
	hashes := map[string][]string{}
	for _, v := range loadVectors(t).Vectors {
		c, err := Parse(v.Text)
		if err != nil {
			t.Fatal(err)
		}
		pdh, err := c.PDH()
		if err != nil {
			t.Fatal(err)
		}
		if reference := strings.Contains(v.Text, "+B"); reference == (pdh == v.StockPDH) {
			t.Errorf("%s: got %s, stock has %s", v.Name, pdh, v.StockPDH)
		}
		if strings.Contains(v.Name, "object") {
			hashes[pdh] = append(hashes[pdh], v.Name)
		}
	}
	if len(hashes) != 4 { // signed or not is one; three references and two files
		t.Errorf("the manifests of different objects have these hashes: %v", slices.Sorted(maps.Keys(hashes)))
	}
}

// TestPrintKeepsTrees: what is printed after a change has the same files, and
// is as the import writes it.
func TestPrintKeepsTrees(t *testing.T) {
	for _, v := range loadVectors(t).Vectors {
		c, err := Parse(v.Text)
		if err != nil {
			t.Fatal(err)
		}
		text := reprint(t, c)
		again, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		a, _ := c.NormalizedText()
		b, _ := again.NormalizedText()
		if a != b {
			t.Errorf("%s: printed as %q", v.Name, text)
		}
		if twice := reprint(t, again); twice != text {
			t.Errorf("%s: printed as %q and then as %q", v.Name, text, twice)
		}
	}
}

// reprint is the text after a change that changes nothing.
func reprint(t testing.TB, c *Collection) string {
	t.Helper()
	c.touch()
	text, err := c.ManifestText()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestPrintIsImport: a tree of whole objects prints as package manifest, and
// so the server's import, writes it.
func TestPrintIsImport(t *testing.T) {
	var want strings.Builder
	w := manifest.NewWriter(&want)
	root := &folder{}
	for _, path := range []string{"a-b", "a/x", "a/y z", "a/sub/1", "a/sub/2", "a/sub/empty", "a.b", "b"} {
		r := &run{}
		if path != "a/sub/empty" {
			r.blocks = []block{{opaque(t, path, 0, 10), 10}, {opaque(t, path, 10, 5), 15}}
		}
		if err := root.addFile(path, newContent(r)); err != nil {
			t.Fatal(err)
		}
	}
	err := root.walk(func(dir string, e entry) error {
		var blocks []locator.Locator
		e.file.pieces(func(p piece) bool {
			l, _ := p.locator()
			blocks = append(blocks, l)
			return true
		})
		return w.Add(join(dir, e.name), e.file.size, blocks)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	got, err := printAll(root, piece.text)
	if err != nil || got != want.String() {
		t.Errorf("got\n%swant\n%s%v", got, &want, err)
	}
	if lines := strings.Count(got, "\n"); lines != 4 {
		t.Errorf("there are %d lines:\n%s", lines, got)
	}
}
