// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"io/fs"
	"slices"
	"sync"

	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// uploads is how many blocks of one file are stored at once.
const uploads = 2

// Writer writes a new file as ordinary blocks of at most 64 MiB. The file
// stands in the collection from Close on, and in the stored collection after
// [Collection.Save]. A Writer is for one goroutine.
type Writer struct {
	c    *Collection
	name string
	// ctx is that of Create: it ends uploads, also those that Close waits for.
	ctx    context.Context
	buffer []byte
	blocks []*pack
	slots  chan struct{}
	wg     sync.WaitGroup
	mu     sync.Mutex
	err    error // the first; the file is not whole then; guarded by mu
	closed bool
}

// Create begins a new file, or a new content of one, at a path whose folders
// are made as needed. ctx bounds all uploads until Close.
func (c *Collection) Create(ctx context.Context, name string) (*Writer, error) {
	if err := checkPath(name); err != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: err}
	}
	if c.client == nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: noClient()}
	}
	return &Writer{c: c, name: name, ctx: ctx, slots: make(chan struct{}, uploads)}, nil
}

// WriteFile stores data as the file name, in place of what it was before.
// Small files share blocks; the last of these is stored by
// [Collection.Save].
func (c *Collection) WriteFile(ctx context.Context, name string, data []byte) error {
	w, err := c.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		w.Discard()
		return err
	}
	return w.Close()
}

// Write appends to the file.
func (w *Writer) Write(p []byte) (int, error) {
	if w.closed {
		return 0, w.fail(fault(Closed, "the file %q was closed", w.name))
	}
	for done := 0; ; {
		n := min(keep.MaxBlock-len(w.buffer), len(p)-done)
		w.buffer = append(w.buffer, p[done:done+n]...)
		if done += n; done == len(p) {
			return done, w.failed()
		}
		if err := w.store(); err != nil {
			return done, err
		}
	}
}

// store begins to store the full buffer.
func (w *Writer) store() error {
	block := &pack{data: w.buffer, length: int64(len(w.buffer))}
	w.buffer = nil
	select {
	case w.slots <- struct{}{}:
	case <-w.ctx.Done(): // these bytes are lost, so that Close must fail, too
		w.broke(w.ctx.Err())
		return w.failed()
	}
	w.blocks = append(w.blocks, block)
	w.wg.Go(func() {
		if err := block.store(w.ctx, w.c.client.keep); err != nil {
			w.broke(err)
		}
		<-w.slots
	})
	return w.failed()
}

// broke notes an error, of which the first counts.
func (w *Writer) broke(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *Writer) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		return nil
	}
	return w.fail(w.err)
}

func (w *Writer) fail(err error) error { return &fs.PathError{Op: "write", Path: w.name, Err: err} }

// Close waits for the uploads and puts the file into the collection. After an
// error the collection is as it was.
func (w *Writer) Close() error {
	if w.closed {
		return w.fail(fault(Closed, "the file %q was closed", w.name))
	}
	if len(w.buffer) > keep.MaxBlock/2 { // too large to share a block
		if err := w.store(); err != nil {
			w.Discard()
			return err
		}
	}
	w.wg.Wait()
	w.closed = true
	if err := w.failed(); err != nil {
		return err
	}
	f := &file{}
	for _, block := range w.blocks {
		f.add(span{&run{pack: block, origin: w.c.origin}, 0, block.length})
	}
	if len(w.buffer) > 0 {
		end, err := w.c.packer.add(w.ctx, slices.Clip(w.buffer))
		if err != nil {
			return w.fail(err)
		}
		f.add(end)
	}
	return w.c.put(w.name, f)
}

// Discard ends the writing and leaves the collection as it was. What was
// stored already, the cluster removes in time. After Close it does nothing.
func (w *Writer) Discard() {
	w.closed = true
	w.wg.Wait()
}
