// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sort"
	"sync"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// File is an open file. It reads the content that the file had when it was
// opened, whatever happens to the collection afterwards. Its methods may be
// called by several goroutines at once; ReadAt then reads in parallel.
//
// Read, and ReadAt where it follows its own end, read ahead. Other reads fetch
// just what is asked for.
type File struct {
	client *Client
	info   info
	f      *file
	starts []int64 // where each span begins in the file
	// ctx lives from OpenFile to Close, since io.Reader has none.
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	offset int64 // of Read; guarded by mu
	rows   rows  // what was read in a row; guarded by mu
	closed bool  // guarded by mu
}

func newFile(ctx context.Context, c *Client, i info, f *file) *File {
	o := &File{client: c, info: i, f: f, starts: make([]int64, len(f.spans))}
	at := int64(0)
	for i, s := range f.spans {
		o.starts[i] = at
		at += s.size
	}
	o.ctx, o.cancel = context.WithCancel(ctx)
	return o
}

// Stat describes the file.
func (f *File) Stat() (fs.FileInfo, error) { return f.info, nil }

// Size returns the length of the file in bytes.
func (f *File) Size() int64 { return f.f.size }

// Close ends reads that are under way.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.info.path, Err: fs.ErrClosed}
	}
	f.closed = true
	f.cancel()
	return nil
}

// Read reads from the present offset, and reads ahead.
func (f *File) Read(p []byte) (int, error) {
	f.mu.Lock()
	offset := f.offset
	f.mu.Unlock()
	if len(p) == 0 {
		return 0, f.isOpen()
	}
	n := 0
	b, err := f.view(offset, int64(len(p)))
	if err == nil {
		n = copy(p, b)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset = offset + int64(n)
	return n, err
}

// ReadAt reads len(p) bytes from an offset. Large reads are made in parts, several
// of them at once.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, f.fail(fault(BadPath, "the offset %d is negative", offset))
	}
	n := 0
	for n < len(p) {
		b, err := f.view(offset+int64(n), int64(len(p)-n))
		if err != nil {
			return n, err
		}
		n += copy(p[n:], b)
	}
	return n, f.isOpen()
}

// Seek sets the offset of the next Read.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.f.size
	}
	if offset < 0 || whence < io.SeekStart || whence > io.SeekEnd {
		return 0, &fs.PathError{Op: "seek", Path: f.info.path, Err: fs.ErrInvalid}
	}
	f.offset = offset
	return offset, nil
}

// WriteTo writes the rest of the file to w. It reads ahead at once, as the
// whole rest is known to be wanted.
func (f *File) WriteTo(w io.Writer) (written int64, err error) {
	f.mu.Lock()
	f.rows.expect(f.offset, f.f.size-f.offset)
	f.mu.Unlock()
	for {
		f.mu.Lock()
		offset := f.offset
		f.mu.Unlock()
		b, err := f.view(offset, partSize)
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		n, err := w.Write(b)
		written += int64(n)
		f.mu.Lock()
		f.offset = offset + int64(n)
		f.mu.Unlock()
		if err == nil && n < len(b) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return written, err
		}
	}
}

func (f *File) isOpen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "read", Path: f.info.path, Err: fs.ErrClosed}
	}
	return nil
}

// view returns at least one and at most want bytes from an offset on, or
// io.EOF at the end.
func (f *File) view(offset, want int64) ([]byte, error) {
	if err := f.isOpen(); err != nil {
		return nil, err
	}
	if offset >= f.f.size {
		return nil, io.EOF
	}
	want = min(want, f.f.size-offset)
	f.readAhead(offset, want)
	p := f.piece(offset, min(want, partSize))
	if p.run.pack != nil {
		if b := p.run.pack.view(p.offset, p.size); b != nil {
			return b, nil
		}
	}
	if f.client == nil {
		return nil, f.fail(noClient())
	}
	return f.block(p)
}

// piece finds the part of a block at an offset of the file.
func (f *File) piece(offset, want int64) piece {
	i := sort.Search(len(f.starts), func(i int) bool { return f.starts[i] > offset }) - 1
	s, within := f.f.spans[i], offset-f.starts[i]
	return s.run.at(s.pos+within, min(want, s.size-within))
}

// block reads from a block. A signature that has expired is renewed once.
func (f *File) block(p piece) ([]byte, error) {
	l, err := p.current()
	if err != nil {
		return nil, f.fail(err)
	}
	b, err := f.client.keep.View(f.ctx, l, p.offset, p.size)
	if keep.Is(err, keep.Expired, keep.BadSignature) {
		if fresh, ok := p.run.origin.renew(f.ctx, l); ok {
			b, err = f.client.keep.View(f.ctx, fresh, p.offset, p.size)
		}
	}
	if err != nil && f.isOpen() != nil {
		return nil, f.isOpen()
	}
	if err != nil {
		return nil, f.fail(unreadable(f.info.path, l, err))
	}
	if f.streams() {
		f.client.keep.Passed(l, p.offset+int64(len(b)))
	}
	return b, nil
}

// streams reports whether a read is one of a long row.
func (f *File) streams() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rows[0].sum > maxAhead
}

// current is the locator with the newest signature.
func (p piece) current() (locator.Locator, error) {
	l, err := p.locator()
	if err != nil {
		return l, err
	}
	fresh, _ := p.run.origin.newest(l)
	return fresh, nil
}

func (f *File) fail(err error) error { return &fs.PathError{Op: "read", Path: f.info.path, Err: err} }

// unreadable says of which file and object a block cannot be read.
func unreadable(path string, l locator.Locator, err error) error {
	e := &Error{Kind: KindOf(err), File: path, Err: err}
	if e.Kind == "" {
		return err // the context has ended
	}
	what := "the block " + l.Stripped()
	if refs := l.Refs(); len(refs) > 0 {
		if o, bad := locator.DecodeObject(refs[0].B); bad == nil {
			e.Object, what = o, o.URL()
		}
	}
	e.Text = "the file " + quote(path) + " cannot be read at " + what + ": " + err.Error()
	return e
}
