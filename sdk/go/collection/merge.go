// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import "slices"

// Merge puts all files of another collection of the same user into this one,
// with the record of the imports that made it and are not saved yet, as if they
// had been imported here. It returns how many of the files were there already;
// with [ClashRefuse] that is an error, and nothing is changed. No data moves.
//
// An import of hours that is to go into a stored collection is best made into a
// new one and merged in the end: when Save then tells of a [Conflict], the
// stored collection is loaded again and merged with, and nothing is listed
// twice.
func (c *Collection) Merge(from *Collection, clash Clash) (clashes int64, err error) {
	from.mu.RLock()
	root, imported := from.root.clone(), slices.Clone(from.imported)
	from.mu.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if clashes, err = c.merge(root, clash, false); err == nil {
		c.imported = append(c.imported, imported...)
	}
	return clashes, err
}

// merge puts a tree, which it may keep, into that of the collection, or in a
// dry run counts clashes alone. mu must be held.
func (c *Collection) merge(root *folder, clash Clash, dry bool) (clashes int64, err error) {
	first := ""
	_ = root.walk(func(dir string, e entry) error { // visit returns no error
		if path := join(dir, e.name); e.file != nil && c.root.taken(path) {
			if clashes++; first == "" {
				first = path
			}
		}
		return nil
	})
	switch {
	case dry:
		return clashes, nil
	case first != "" && clash == ClashRefuse:
		return clashes, fault(NameClash, "%d of the imported files are there already, such as %s: import into another folder, or say whether to replace or to keep them", clashes, quote(first))
	case c.root.empty():
		c.root = root
	default:
		c.mergeFiles(root, clash)
	}
	c.touch()
	return clashes, nil
}

func (c *Collection) mergeFiles(root *folder, clash Clash) {
	_ = root.walk(func(dir string, e entry) error { // visit returns no error
		path := join(dir, e.name)
		if c.root.taken(path) {
			if clash == ClashKeep || e.file == nil {
				return nil
			}
			c.root.clear(path)
		}
		at, name := c.root.parent(path, true)
		if e.file == nil {
			at.sub(name)
			return nil
		}
		at.setFile(name, e.file)
		return nil
	})
}

// taken reports whether a file cannot be put at path without taking something
// away.
func (d *folder) taken(path string) bool {
	above, _ := d.fileAbove(path)
	f, sub := d.find(path)
	return above || f != nil || sub != nil
}

// clear takes away what is in the way of a file at path.
func (d *folder) clear(path string) {
	if above, name := d.fileAbove(path); above {
		path = name
	}
	if at, name := d.parent(path, false); at != nil {
		delete(at.files, name)
		delete(at.folders, name)
	}
}
