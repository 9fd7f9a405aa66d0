// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// tail is how many of the last bytes of a part are compared before it is
// continued: a machine that stopped may have left others there.
const tail = 64 << 10

// partial is a file that is being downloaded, or was.
type partial struct {
	d *download
	wanted
	client *collection.Client
	meter  *meter
}

// name is that of the part. It has the hash of the content in it, which is
// that of the blocks and S3 object versions: a part of other bytes has another
// name.
func (p *partial) name() (string, error) {
	hash, err := contentHash(p.client, p.d.c, p.from)
	sum := sha256.Sum256([]byte(path.Base(p.to) + "\x00" + hash))
	return path.Join(path.Dir(p.to), fmt.Sprintf(".keepstore-%x.part", sum[:16])), err
}

// fetch downloads the file, or what is missing of it.
func (p *partial) fetch(ctx context.Context) error {
	name, err := p.name()
	if err != nil {
		return err
	}
	in, err := p.d.c.OpenFile(ctx, p.from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := p.d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer out.Close() // after an error; otherwise it was closed before
	if err := syscall.Flock(int(out.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.New("another program downloads it to the same place")
	}
	begin, err := p.begin(in, out)
	if err != nil {
		return err
	}
	p.meter.add(begin)
	if _, err := in.Seek(begin, io.SeekStart); err != nil {
		return err
	}
	n, err := in.WriteTo(&counted{out, p})
	if err != nil {
		return err
	}
	if begin+n != p.size {
		return fmt.Errorf("%d bytes came in place of %d", begin+n, p.size)
	}
	return p.finish(out, name)
}

// begin returns where to go on in a part, and sets the file there.
func (p *partial) begin(in io.ReaderAt, out *os.File) (int64, error) {
	info, err := out.Stat()
	if err != nil {
		return 0, err
	}
	at := info.Size()
	if !info.Mode().IsRegular() {
		return 0, &fs.PathError{Op: "open", Path: info.Name(), Err: errors.New("it is not a file")}
	}
	if at > 0 && (at > p.size || !sameTail(in, out, at)) {
		at = 0
	}
	if err := out.Truncate(at); err != nil {
		return 0, err
	}
	_, err = out.Seek(at, io.SeekStart)
	return at, err
}

// sameTail compares the bytes before a position. When they cannot be read, the
// download will tell why.
func sameTail(in, out io.ReaderAt, at int64) bool {
	n := min(at, tail)
	want, got := make([]byte, n), make([]byte, n)
	if _, err := out.ReadAt(got, at-n); err != nil && err != io.EOF {
		return false
	}
	if _, err := in.ReadAt(want, at-n); err != nil && err != io.EOF {
		return true
	}
	return bytes.Equal(want, got)
}

// finish gives the file its name. What is there already is replaced: that it
// may be was asked before.
func (p *partial) finish(out *os.File, name string) error {
	info, err := out.Stat()
	if err == nil && info.Size() != p.size {
		err = fmt.Errorf("%d bytes were written in place of %d: somebody else writes to it", info.Size(), p.size)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		return err
	}
	return p.d.root.Rename(name, p.to)
}

// counted counts the bytes that are written.
type counted struct {
	w io.Writer
	p *partial
}

// Write writes b.
func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.p.meter.add(int64(n))
	c.p.d.mu.Lock()
	defer c.p.d.mu.Unlock()
	c.p.d.got += int64(n)
	return n, err
}
