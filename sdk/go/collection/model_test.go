// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// model is a collection as simple as can be: the text of each file by its path.
type model map[string]string

// holds reports whether there is a file or folder at a path.
func (m model) holds(path string) bool { return m[path] != "" || len(m.below(path)) > 0 }

// below returns the files in a folder, by the rest of their paths.
func (m model) below(path string) model {
	found := model{}
	for name, text := range m {
		if rest, ok := strings.CutPrefix(name, path+"/"); ok {
			found[rest] = text
		}
	}
	return found
}

// blocked reports whether a folder of path is a file.
func (m model) blocked(path string) bool {
	for at, c := range path {
		if c == '/' && m[path[:at]] != "" {
			return true
		}
	}
	return false
}

func (m model) copy(to, from string) bool {
	below := m.below(from)
	if !m.holds(from) || m.holds(to) || m.blocked(to) {
		return false
	}
	if m[from] != "" {
		m[to] = m[from]
	}
	for rest, text := range below {
		m[to+"/"+rest] = text
	}
	return true
}

func (m model) remove(path string) bool {
	if !m.holds(path) {
		return false
	}
	maps.DeleteFunc(m, func(name, _ string) bool { return name == path || strings.HasPrefix(name, path+"/") })
	return true
}

// TestModel: whatever is copied, renamed and removed, in whatever order, a
// collection has the files that the simple one has, also after it was printed
// and read again, in either form. Empty folders are left out of this.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model{"a": "0:1", "b/c": "1:2", "b/d e": "0:3", "é/:\\/\x01": "2:1"}
		c, err := Parse(". " + foo + " 0:1:a\n./b " + foo + " 1:2:c 0:3:d\\040e\n./é/\\072\\134 " + foo + " 2:1:\\001\n")
		if err != nil {
			t.Fatal(err)
		}
		path := rapid.Custom(func(t *rapid.T) string {
			parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d e", "é", ":\\", "\x01"}), 1, 3).Draw(t, "parts")
			return strings.Join(parts, "/")
		})
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			from, to := path.Draw(t, "from"), path.Draw(t, "to")
			op := rapid.SampledFrom([]string{"copy", "rename", "remove", "print", "normalize"}).Draw(t, "op")
			want, before := step(m, op, to, from), c
			if c, err = stepOf(c, op, to, from); (err == nil) != want {
				t.Fatalf("%s %q %q: %v, and the model says %v", op, to, from, err, want)
			}
			if c == nil {
				c = before
			}
			for pruned(c) {
			}
			same(t, m, c)
		}
	})
}

func step(m model, op, to, from string) bool {
	switch op {
	case "copy":
		return m.copy(to, from)
	case "rename":
		if from == to {
			return m.holds(from)
		}
		if strings.HasPrefix(to, from+"/") {
			return false
		}
		return m.copy(to, from) && m.remove(from)
	case "remove":
		return m.remove(from)
	}
	return true
}

func stepOf(c *Collection, op, to, from string) (*Collection, error) {
	switch op {
	case "copy":
		return c, c.Copy(to, c, from)
	case "rename":
		return c, c.Rename(from, to)
	case "remove":
		return c, c.Remove(from)
	}
	text, err := c.ManifestText()
	if op == "normalize" {
		text, err = c.NormalizedText()
	}
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// pruned removes folders with nothing in them, and reports whether there may be
// more.
func pruned(c *Collection) bool {
	var empty []string
	_ = c.root.walk(func(dir string, e entry) error { // visit returns no error
		if e.file == nil {
			empty = append(empty, join(dir, e.name))
		}
		return nil
	})
	for _, name := range empty {
		_ = c.Remove(name) // it is there
	}
	return len(empty) > 0
}

// same compares all files, by where their bytes come from.
func same(t *rapid.T, m model, c *Collection) {
	got := model{}
	_ = c.root.walk(func(dir string, e entry) error {
		if e.file != nil {
			text := ""
			e.file.pieces(func(p piece) bool { text += fmt.Sprintf("%d:%d", p.offset, p.size); return true })
			got[join(dir, e.name)] = text
		}
		return nil
	})
	if !maps.Equal(got, m) {
		t.Fatalf("the collection has %q, the model %q", got, m)
	}
}
