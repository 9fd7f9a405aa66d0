// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"path"
	"slices"
)

// delta is what was changed at one path. A path stands for a file, an empty
// folder, or nothing.
type delta struct {
	path    string
	was, is leaf
}

// leaf is what stands at a path; the zero value is nothing.
type leaf struct {
	file   *file
	folder bool
}

func leafAt(root *folder, path string) leaf {
	f, d := root.find(path)
	return leaf{f, d != nil}
}

func (l leaf) same(o leaf) bool {
	return l.folder == o.folder && (l.file == nil) == (o.file == nil) && (l.file == nil || sameContent(l.file, o.file))
}

// deltas lists what was changed from one tree to another, in the order of the
// paths.
func deltas(from, to *folder) []delta {
	var all []delta
	old := map[string]leaf{}
	_ = from.walk(func(dir string, e entry) error { // visit returns no error
		old[join(dir, e.name)] = leaf{e.file, e.folder != nil}
		return nil
	})
	_ = to.walk(func(dir string, e entry) error { // visit returns no error
		name, is := join(dir, e.name), leaf{e.file, e.folder != nil}
		if was := old[name]; !was.same(is) {
			all = append(all, delta{name, was, is})
		}
		delete(old, name)
		return nil
	})
	for name, was := range old {
		all = append(all, delta{path: name, was: was})
	}
	slices.SortFunc(all, func(a, b delta) int { return comparePaths(a.path, false, b.path, false) })
	return all
}

// made reports whether a tree has what the change led to. A folder may have
// something in it by now.
func (s delta) made(root *folder) bool {
	now := leafAt(root, s.path)
	switch {
	case s.is.file != nil:
		return now.same(s.is)
	case s.is.folder:
		return now.folder
	case s.was.file != nil:
		return now.file == nil
	}
	_, d := root.find(s.path)
	return d == nil || !d.empty()
}

// missing lists the changes that a tree does not have.
func missing(all []delta, root *folder) []delta {
	return slices.DeleteFunc(slices.Clone(all), func(s delta) bool { return s.made(root) })
}

// redo makes in a tree, which somebody else changed, the changes that led from
// one state to another. It fails with [Conflict] where both changed one path.
func redo(all []delta, root *folder) error {
	todo := missing(all, root)
	for _, s := range todo {
		if now := leafAt(root, s.path); s.was.file != nil && !now.same(s.was) {
			return bothChanged(s.path)
		}
	}
	for _, s := range todo {
		if s.was != (leaf{}) {
			root.prune(s.path)
		}
	}
	for _, s := range missing(all, root) { // with the empty folders that were pruned just now
		now := leafAt(root, s.path)
		above, _ := root.fileAbove(s.path)
		switch {
		case s.is == (leaf{}):
		case above || now != (leaf{}):
			return bothChanged(s.path)
		case s.is.folder:
			at, name := root.parent(s.path, true)
			at.sub(name)
		default:
			at, name := root.parent(s.path, true)
			at.setFile(name, s.is.file)
		}
	}
	return nil
}

func bothChanged(name string) error {
	return fault(Conflict, "%s was changed by somebody else at the same time: load the collection again and repeat the changes", quote(name))
}

// prune takes away a file or an empty folder, and the folders above that have
// nothing else in them: changes make those again that are to stay.
func (d *folder) prune(name string) {
	for ; name != "."; name = path.Dir(name) {
		at, last := d.parent(name, false)
		if at == nil {
			return
		}
		if delete(at.files, last); at.folders[last] != nil && !at.folders[last].empty() {
			return
		}
		delete(at.folders, last)
	}
}

// sameContent reports whether two files are the same bytes of the same blocks.
// Their signatures may differ.
func sameContent(a, b *file) bool {
	if a == b {
		return true
	}
	return a.size == b.size && slices.Equal(content(a), content(b))
}

// extent is a part of a block, by its spelling.
type extent struct {
	block      string
	start, end int64
}

// content lists the parts of blocks that a file has, neighbours as one. Bytes
// that are not stored yet are like nothing else.
func content(f *file) []extent {
	var all []extent
	f.pieces(func(p piece) bool {
		e := extent{p.text(), p.offset, p.offset + p.size}
		if l, err := p.locator(); err == nil {
			e.block = spelling(l)
		}
		last := len(all) - 1
		switch {
		case p.size == 0:
		case last >= 0 && all[last].block == e.block && all[last].end == e.start:
			all[last].end = e.end
		default:
			all = append(all, e)
		}
		return true
	})
	return all
}
