// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// file is the content of one file. It never changes once it stands in a
// folder: a new content is a new file.
type file struct {
	size  int64
	spans []span
}

// add appends a span, joined with the last where both are neighbours.
func (f *file) add(s span) {
	f.size += s.size
	if n := len(f.spans) - 1; n >= 0 && f.spans[n].run == s.run && f.spans[n].pos+f.spans[n].size == s.pos {
		f.spans[n].size += s.size
		return
	}
	if s.size > 0 {
		f.spans = append(f.spans, s)
	}
}

// pieces yields the pieces of all spans in order.
func (f *file) pieces(yield func(piece) bool) {
	for _, s := range f.spans {
		if !s.pieces(yield) {
			return
		}
	}
}

// folder holds files and folders by name. The two maps have no name in common.
type folder struct {
	files   map[string]*file
	folders map[string]*folder
}

func (d *folder) empty() bool { return len(d.files)+len(d.folders) == 0 }

func (d *folder) setFile(name string, f *file) {
	if d.files == nil {
		d.files = map[string]*file{}
	}
	d.files[name] = f
}

// sub returns the folder of a name, made if it is not there. It is nil when
// there is a file of that name.
func (d *folder) sub(name string) (sub *folder, made bool) {
	if sub = d.folders[name]; sub != nil {
		return sub, false
	}
	if d.files[name] != nil {
		return nil, false
	}
	if d.folders == nil {
		d.folders = map[string]*folder{}
	}
	sub = &folder{}
	d.folders[name] = sub
	return sub, true
}

// find returns what is at a path of io/fs: a file, a folder, or neither.
func (d *folder) find(path string) (*file, *folder) {
	for path != "." && path != "" {
		name, rest, more := strings.Cut(path, "/")
		if !more {
			return d.files[name], d.folders[name]
		}
		if d = d.folders[name]; d == nil {
			return nil, nil
		}
		path = rest
	}
	return nil, d
}

// parent returns the folder that holds path, and the last name of path. It
// makes folders where make is set; it is nil where there is none.
func (d *folder) parent(path string, create bool) (*folder, string) {
	for {
		name, rest, more := strings.Cut(path, "/")
		if !more {
			return d, name
		}
		next := d.folders[name]
		if create {
			next, _ = d.sub(name)
		}
		if next == nil {
			return nil, ""
		}
		d, path = next, rest
	}
}

// clone copies folders; files are shared, since they never change.
func (d *folder) clone() *folder {
	copied := &folder{files: maps.Clone(d.files)}
	if len(d.folders) > 0 {
		copied.folders = make(map[string]*folder, len(d.folders))
	}
	for name, sub := range d.folders {
		copied.folders[name] = sub.clone()
	}
	return copied
}

// entry is a named file or folder.
type entry struct {
	name   string
	file   *file
	folder *folder
}

// list returns the entries sorted by name, as io/fs wants them.
func (d *folder) list() []entry {
	entries := make([]entry, 0, len(d.files)+len(d.folders))
	for name, f := range d.files {
		entries = append(entries, entry{name: name, file: f})
	}
	for name, sub := range d.folders {
		entries = append(entries, entry{name: name, folder: sub})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return entries
}

// walk calls visit for each file, and for each folder that has nothing in it,
// in the order of the bytes of their paths: a folder stands where its name
// with a "/" does. dir is the path of the folder that holds the entry, "" for
// the root. It goes down by a stack of its own, and makes the path of a folder
// only for what stands in it, since folders may be very deep.
func (d *folder) walk(visit func(dir string, e entry) error) error {
	type level struct {
		length  int // of path, with the "/"
		entries []entry
		dir     string
	}
	var path []byte
	stack := []level{{0, d.inPathOrder(), ""}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		path = path[:top.length]
		if len(top.entries) == 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		e := top.entries[0]
		top.entries = top.entries[1:]
		if e.folder != nil && !e.folder.empty() {
			path = append(append(path, e.name...), '/')
			stack = append(stack, level{len(path), e.folder.inPathOrder(), ""})
			continue
		}
		if top.dir == "" && top.length > 0 {
			top.dir = string(path[:top.length-1])
		}
		if err := visit(top.dir, e); err != nil {
			return err
		}
	}
	return nil
}

// join is the path of a name in a folder, which is "" for the root.
func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// inPathOrder is list with folders where their names with a "/" belong.
func (d *folder) inPathOrder() []entry {
	entries := d.list()
	if len(d.folders) == 0 || len(d.files) == 0 && len(d.folders) == 1 {
		return entries
	}
	slices.SortFunc(entries, func(a, b entry) int { return comparePaths(a.name, a.folder != nil, b.name, b.folder != nil) })
	return entries
}

// comparePaths compares two names, a "/" after those of folders.
func comparePaths(a string, aIsFolder bool, b string, bIsFolder bool) int {
	n := min(len(a), len(b))
	if c := strings.Compare(a[:n], b[:n]); c != 0 || len(a) == len(b) {
		return c
	}
	next := func(s string, isFolder bool) int {
		switch {
		case len(s) > n:
			return int(s[n])
		case isFolder:
			return '/'
		}
		return -1
	}
	return next(a, aIsFolder) - next(b, bIsFolder)
}

// What a path may have, in bytes and parts. Walking through a tree holds all the
// paths that lead to one file, so that without a bound a short text could take
// all memory. S3 keys have 1,024 bytes at most, paths of Linux 4,096.
const (
	maxPath  = 64 << 10
	maxParts = 16 << 10
)

// checkPath reports why path cannot name something in a collection, or nil.
func checkPath(path string) error {
	if len(path) > maxPath || len(path) > maxParts && strings.Count(path, "/") >= maxParts {
		return fault(BadPath, "%q cannot be a path in a collection: it has more than %d bytes, or than %d folders", clip(path), maxPath, maxParts)
	}
	if path == "." || !fs.ValidPath(path) {
		return fault(BadPath, "%q cannot be a path in a collection: it must be UTF-8 text without \"/\" at an end, and without an empty, \".\" or \"..\" part", clip(path))
	}
	return nil
}
