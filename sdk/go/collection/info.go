// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"io"
	"io/fs"
	"path"
	"strconv"
	"sync"
	"time"
)

// info describes a file or folder. Nobody may write to what is stored, so the
// permissions say read-only.
type info struct {
	path     string // of io/fs
	size     int64
	modified time.Time
	folder   bool
}

// Name returns the last part of the path.
func (i info) Name() string { return path.Base(i.path) }

// Size returns the length in bytes.
func (i info) Size() int64 { return i.size }

// Mode returns the type and read permission.
func (i info) Mode() fs.FileMode {
	if i.folder {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// ModTime returns when the collection was last changed.
func (i info) ModTime() time.Time { return i.modified }

// IsDir reports whether it is a folder.
func (i info) IsDir() bool { return i.folder }

// Sys returns nil.
func (i info) Sys() any { return nil }

// String is the entry in the way of ls.
func (i info) String() string { return fs.FormatFileInfo(i) }

// dir is an open folder.
type dir struct {
	info    info
	mu      sync.Mutex
	entries []fs.DirEntry // those not read yet; guarded by mu
	closed  bool          // guarded by mu
}

// Stat describes the folder.
func (d *dir) Stat() (fs.FileInfo, error) { return d.info, nil }

// Read fails: folders have no bytes.
func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.path, Err: fault(BadPath, "it is a folder")}
}

// Close ends the use of the folder.
func (d *dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return &fs.PathError{Op: "close", Path: d.info.path, Err: fs.ErrClosed}
	}
	d.closed = true
	return nil
}

// ReadDir returns the next n entries, or all if n is not positive.
func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, &fs.PathError{Op: "readdir", Path: d.info.path, Err: fs.ErrClosed}
	}
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	entries := d.entries[:n]
	d.entries = d.entries[n:]
	return entries, nil
}

func quote(path string) string { return strconv.Quote(clip(path)) }
