// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"context"
	"io"
	"io/fs"

	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

var (
	_ fs.ReadDirFS  = (*Collection)(nil)
	_ fs.StatFS     = (*Collection)(nil)
	_ fs.ReadFileFS = (*Collection)(nil)
	_ io.ReaderAt   = (*File)(nil)
	_ io.Seeker     = (*File)(nil)
	_ io.WriterTo   = (*File)(nil)
)

// Open opens a file or folder. Files are of type [*File].
func (c *Collection) Open(name string) (fs.File, error) { return c.open(context.Background(), name) }

// OpenFile opens a file, all reads of which end with ctx.
func (c *Collection) OpenFile(ctx context.Context, name string) (*File, error) {
	opened, err := c.open(ctx, name)
	if err != nil {
		return nil, err
	}
	f, ok := opened.(*File)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fault(BadPath, "it is a folder")}
	}
	return f, nil
}

func (c *Collection) open(ctx context.Context, name string) (fs.File, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f, d, err := c.find("open", name)
	if err != nil {
		return nil, err
	}
	if f != nil {
		return newFile(ctx, c.client, c.describe(name, f), f), nil
	}
	return &dir{info: c.describe(name, nil), entries: c.entries(d)}, nil
}

// find looks a path up. mu must be held.
func (c *Collection) find(op, name string) (*file, *folder, error) {
	if !fs.ValidPath(name) {
		return nil, nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	f, d := c.root.find(name)
	if f == nil && d == nil {
		return nil, nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return f, d, nil
}

// describe makes the info of a file, or of a folder if f is nil.
func (c *Collection) describe(name string, f *file) info {
	i := info{path: name, modified: c.record.ModifiedAt, folder: f == nil}
	if f != nil {
		i.size = f.size
	}
	return i
}

func (c *Collection) entries(d *folder) []fs.DirEntry {
	var entries []fs.DirEntry
	for _, e := range d.list() {
		// Not the whole path: it may be long, and the folder large.
		entries = append(entries, fs.FileInfoToDirEntry(c.describe(e.name, e.file)))
	}
	return entries
}

// Stat describes a file or folder.
func (c *Collection) Stat(name string) (fs.FileInfo, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f, _, err := c.find("stat", name)
	if err != nil {
		return nil, err
	}
	return c.describe(name, f), nil
}

// ReadDir lists a folder, sorted by name.
func (c *Collection) ReadDir(name string) ([]fs.DirEntry, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, d, err := c.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fault(BadPath, "it is a file")}
	}
	return c.entries(d), nil
}

// atOnce is the most that ReadFile takes before bytes are there, in bytes.
const atOnce = keep.MaxBlock

// ReadFile reads a whole file into memory. That is taken as the bytes come: a
// manifest can claim any size.
func (c *Collection) ReadFile(name string) ([]byte, error) {
	f, err := c.OpenFile(context.Background(), name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := bytes.NewBuffer(make([]byte, 0, min(f.Size(), atOnce)))
	if _, err := f.WriteTo(data); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}
