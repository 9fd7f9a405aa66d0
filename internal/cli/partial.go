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
	"strings"
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

// isPartName reports whether a file has a name like those of parts. A collection
// that has one could pass it off as the beginning of another file.
func isPartName(name string) bool {
	return strings.HasPrefix(name, ".keepstore-") && strings.HasSuffix(name, ".part")
}

// open opens a part that this user left, or begins one, and locks it. What
// others put in its place, or a link, could be changed by them, or be another
// file of the user's: it is taken away.
func (p *partial) open(name string) (*os.File, error) {
	flags := os.O_RDWR | os.O_CREATE | os.O_EXCL
	if info, err := p.d.root.Lstat(name); err == nil {
		if ours(info) {
			flags = os.O_RDWR
		} else if err := p.d.root.Remove(name); err != nil {
			return nil, err
		}
	}
	out, err := p.d.root.OpenFile(name, flags, 0o666)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(out.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = p.still(out, name)
	}
	if err != nil {
		_ = out.Close() // the other error tells more
		return nil, errors.New("another program downloads it to the same place")
	}
	return out, nil
}

// still fails if an open file no more has its name.
func (p *partial) still(out *os.File, name string) error {
	opened, err := out.Stat()
	if err != nil {
		return err
	}
	there, err := p.d.root.Lstat(name)
	if err == nil && !os.SameFile(opened, there) {
		err = fs.ErrExist
	}
	return err
}

// ours reports whether a file is one that nobody else can have made.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().IsRegular() && int(stat.Uid) == os.Geteuid() && stat.Nlink == 1
}

// fetch downloads the file, or what is missing of it.
func (p *partial) fetch(ctx context.Context) error {
	if isPartName(path.Base(p.to)) {
		return errors.New("it has a name like the unfinished files of this program: get it by itself, to another name")
	}
	name, err := p.name()
	if err != nil {
		return err
	}
	in, err := p.d.c.OpenFile(ctx, p.from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := p.open(name)
	if err != nil {
		return err
	}
	defer out.Close() // after an error; otherwise it was closed before
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
	if at > p.size {
		at = 0
	}
	if same, err := sameTail(in, out, at); err != nil {
		return 0, err
	} else if !same {
		at = 0
	}
	if err := out.Truncate(at); err != nil {
		return 0, err
	}
	_, err = out.Seek(at, io.SeekStart)
	return at, err
}

// sameTail compares the bytes before a position. It fails when the right ones
// cannot be read: what is not compared is not trusted.
func sameTail(in, out io.ReaderAt, at int64) (bool, error) {
	n := min(at, tail)
	want, got := make([]byte, n), make([]byte, n)
	if _, err := out.ReadAt(got, at-n); err != nil && err != io.EOF {
		return false, nil
	}
	if read, err := in.ReadAt(want, at-n); int64(read) < n {
		return false, err
	}
	return bytes.Equal(want, got), nil
}

// finish gives the file its name. Only what was there before the download is
// replaced, if that is allowed. Something else may have come there meanwhile: on
// some file systems another file of the collection, whose name differs in case
// only.
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
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	if there, err := p.d.root.Lstat(p.to); err == nil && (p.there == nil || !os.SameFile(there, p.there)) {
		return errors.New("something else came to its place meanwhile, such as another file whose name is the same for this file system: it is not replaced")
	}
	p.d.finished.add(p.to, name)
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
