// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"errors"
	"io/fs"
	"strings"
)

// put sets a file at a path, and makes the folders above it.
func (c *Collection) put(name string, f *file) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, last, err := c.place("create", name)
	if err != nil {
		return err
	}
	d.setFile(last, f)
	return nil
}

// place returns where a file may be set, making the folders above it. mu must
// be held for writing.
func (c *Collection) place(op, name string) (*folder, string, error) {
	if err := checkPath(name); err != nil {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: err}
	}
	if file, above := c.root.fileAbove(name); file {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fault(BadPath, "%s is a file, so nothing can be put below it", quote(above))}
	}
	d, last := c.root.parent(name, true)
	if d.folders[last] != nil {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fault(BadPath, "it is a folder")}
	}
	c.touch()
	return d, last, nil
}

// touch notes that the tree is not what is stored. mu must be held.
func (c *Collection) touch() { c.changed, c.edits = true, c.edits+1 }

// fileAbove reports whether a folder of path is a file, and which.
func (d *folder) fileAbove(path string) (bool, string) {
	for at := 0; ; {
		i := strings.IndexByte(path[at:], '/')
		if i < 0 || d == nil {
			return false, ""
		}
		name := path[at : at+i]
		if d.files[name] != nil {
			return true, path[:at+i]
		}
		d, at = d.folders[name], at+i+1
	}
}

// Mkdir makes a folder, and those above it. That it is there already is no
// error.
func (c *Collection) Mkdir(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, d, err := c.find("mkdir", name)
	switch {
	case d != nil:
		return nil
	case f != nil:
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	d, last, err := c.place("mkdir", name)
	if err != nil {
		return err
	}
	d.sub(last)
	return nil
}

// Remove takes away a file, or a folder with all that is in it. The blocks
// stay where they are.
func (c *Collection) Remove(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remove(name)
}

func (c *Collection) remove(name string) error {
	f, _, err := c.find("remove", name)
	if err != nil {
		return err
	}
	c.touch()
	if name == "." {
		c.root = &folder{}
		return nil
	}
	d, last := c.root.parent(name, false)
	if f != nil {
		delete(d.files, last)
	} else {
		delete(d.folders, last)
	}
	return nil
}

// Rename moves a file or folder to another path. What is there already must
// be removed first.
func (c *Collection) Rename(from, to string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if from == to {
		_, _, err := c.find("rename", from)
		return err
	}
	if from == "." || strings.HasPrefix(to, from+"/") {
		return &fs.PathError{Op: "rename", Path: from, Err: fault(BadPath, "a folder cannot be moved into itself")}
	}
	f, d, err := c.find("rename", from)
	if err != nil {
		return err
	}
	if err := c.set("rename", to, f, d); err != nil {
		return err
	}
	return c.remove(from)
}

// Copy copies a file or folder of another collection, or of the same, to a
// path that is free. No data moves: the copy has the same blocks. from may be
// "." for all of the other collection. Both collections must be of one user of
// one cluster, or else the copy cannot be saved.
func (c *Collection) Copy(to string, source *Collection, from string) error {
	f, d, err := source.share(from)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.set("copy", to, f, d)
}

// share returns a file, or a copy of a folder, for another collection.
func (c *Collection) share(name string) (*file, *folder, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f, d, err := c.find("copy", name)
	if err != nil || f != nil {
		return f, nil, err
	}
	return nil, d.clone(), nil
}

// set puts a file or folder at a path that is free, or a folder in place of an
// empty root.
func (c *Collection) set(op, to string, f *file, d *folder) error {
	if to == "." && d != nil && c.root.empty() {
		c.root = d
		c.touch()
		return nil
	}
	if there, folder := c.root.find(to); fs.ValidPath(to) && (there != nil || folder != nil) {
		return &fs.PathError{Op: op, Path: to, Err: fs.ErrExist}
	}
	parent, last, err := c.place(op, to)
	switch {
	case err != nil:
		return err
	case f != nil:
		parent.setFile(last, f)
		return nil
	}
	if parent.folders == nil {
		parent.folders = map[string]*folder{}
	}
	parent.folders[last] = d
	return nil
}
