// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"io/fs"
	"iter"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// ObjectUse is one S3 object version that files of a collection need.
type ObjectUse struct {
	Object locator.Object
	// Size is how many bytes the object has at least: how far into it the
	// blocks of the collection reach. Imports take whole objects, so that it is
	// the size of what was imported.
	Size int64
	// Bytes is how many bytes the files have of it, Files in how many files. A
	// block of content form may name several objects that have its bytes; it
	// counts for each.
	Bytes int64
	Files int
}

// Objects lists the S3 object versions of the collection, in the order of the
// paths of the first file of each. [Collection.ObjectsIn] has no list.
func (c *Collection) Objects() []ObjectUse {
	var all []ObjectUse
	for use := range c.ObjectsIn(".") { // there always is a root
		all = append(all, use)
	}
	return all
}

// ObjectsIn yields each S3 object version that a file, or the files of a
// folder, need: once, in the order of the paths of the first file of each. The
// path is one of io/fs; "." is the whole collection. It shows the collection as
// it is when the iteration begins, and takes some 150 bytes of memory for each
// object, which is a fraction of what the collection takes. The error is that
// of a path where there is nothing.
func (c *Collection) ObjectsIn(path string) iter.Seq2[ObjectUse, error] {
	return func(yield func(ObjectUse, error) bool) {
		root, err := c.below(path)
		if err != nil {
			yield(ObjectUse{}, err)
			return
		}
		counted := count(root)
		_ = root.walkReferences(func(_ piece, ref locator.Ref) error { // only to end early
			use := &counted.uses[counted.index[ref.B]]
			o, err := locator.DecodeObject(ref.B)
			if use.last == told || err != nil {
				return nil
			}
			use.last = told
			if !yield(ObjectUse{o, use.size, use.bytes, int(use.files)}, nil) {
				return fs.SkipAll
			}
			return nil
		})
	}
}

// below is a copy of the folder at a path, or a folder of just the file there.
func (c *Collection) below(path string) (*folder, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f, d, err := c.find("objects", path)
	if err != nil {
		return nil, err
	}
	if f != nil {
		d = &folder{}
		d.setFile("f", f)
	}
	return d.clone(), nil
}

// counts are what is known of each object, which is named by its text in
// locators: that is a part of the manifest, and costs nothing.
type counts struct {
	index map[string]int32
	uses  []tally
}

type tally struct {
	size, bytes int64
	files, last int32 // last is the number of the file that was counted last
}

// told is what last is when the object was told.
const told = -1

func count(root *folder) counts {
	c, number, current := counts{index: map[string]int32{}}, int32(0), (*file)(nil)
	_ = root.walk(func(_ string, e entry) error { // visit returns no error
		if current = e.file; current == nil {
			return nil
		}
		number++
		current.pieces(func(p piece) bool {
			c.add(p, number)
			return true
		})
		return nil
	})
	return c
}

func (c *counts) add(p piece, file int32) {
	l, err := p.locator()
	if err != nil {
		return
	}
	for _, ref := range l.Refs() {
		i, known := c.index[ref.B]
		if !known {
			i = int32(len(c.uses))
			c.index[within(p.text(), ref.B)] = i
			c.uses = append(c.uses, tally{})
		}
		use := &c.uses[i]
		use.size = max(use.size, ref.C+l.Size())
		if use.bytes += p.size; use.last != file {
			use.files, use.last = use.files+1, file
		}
	}
}

// within returns the part of text that is the same as a copy of it, so that
// the copy need not be kept.
func within(text, part string) string {
	i := strings.Index(text, part)
	if i < 0 {
		return part
	}
	return text[i : i+len(part)]
}

// walkReferences calls visit for each reference of each piece, in the order of
// the paths, and ends with its first error.
func (d *folder) walkReferences(visit func(piece, locator.Ref) error) error {
	return d.walk(func(_ string, e entry) (err error) {
		if e.file == nil {
			return nil
		}
		e.file.pieces(func(p piece) bool {
			l, bad := p.locator()
			if bad != nil {
				return true
			}
			for _, ref := range l.Refs() {
				if err = visit(p, ref); err != nil {
					return false
				}
			}
			return true
		})
		return err
	})
}

// Extent is a stretch of a file that comes from one place.
type Extent struct {
	// Offset is where it begins in the file, Size how many bytes it has.
	Offset, Size int64
	// Object is the S3 object version that its bytes come from, and
	// ObjectOffset where they begin there. Bytes of ordinary blocks have the
	// zero Object.
	Object       locator.Object
	ObjectOffset int64
}

// Extents yields where the bytes of the file come from, in their order and
// without gaps: for most imported files one extent, that of the whole object.
// Of a block of content form that names several objects it gives the first.
func (f *File) Extents() iter.Seq[Extent] {
	return func(yield func(Extent) bool) {
		var last Extent
		at := int64(0)
		f.f.pieces(func(p piece) bool {
			next := extentOf(p, at)
			at += p.size
			if last.goesOn(next) {
				last.Size += next.Size
				return true
			}
			if last.Size > 0 && !yield(last) {
				last = Extent{}
				return false
			}
			last = next
			return true
		})
		if last.Size > 0 {
			yield(last)
		}
	}
}

func extentOf(p piece, at int64) Extent {
	e := Extent{Offset: at, Size: p.size}
	l, err := p.locator()
	if err != nil || len(l.Refs()) == 0 {
		return e
	}
	ref := l.Refs()[0]
	if o, err := locator.DecodeObject(ref.B); err == nil {
		e.Object, e.ObjectOffset = o, ref.C+p.offset
	}
	return e
}

// goesOn reports whether next is more of the same.
func (e Extent) goesOn(next Extent) bool {
	if e.Size == 0 || e.Object != next.Object {
		return false
	}
	return e.Object == locator.Object{} || e.ObjectOffset+e.Size == next.ObjectOffset
}

// objectsOf returns the S3 objects of a reference: one, or for content form
// all that may have its bytes.
func objectsOf(text string) []locator.Object {
	l, err := locator.Parse(text)
	if err != nil {
		return nil
	}
	var all []locator.Object
	for _, ref := range l.Refs() {
		if o, err := locator.DecodeObject(ref.B); err == nil {
			all = append(all, o)
		}
	}
	return all
}
