// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// errNotFile is what stands in the place of a block but is no file.
var errNotFile = errors.New("not a regular file")

// fail gives a system error its kind.
func fail(hash locator.Hash, err error) error {
	kind := volume.VolumeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		kind = volume.VolumeFull
	case errors.Is(err, syscall.EROFS):
		kind = volume.ReadOnly
	case errors.Is(err, fs.ErrNotExist):
		kind = volume.BlockNotFound
	}
	if known := new(volume.Error); errors.As(err, &known) {
		return err
	}
	return volume.Fail(kind, hash, err)
}

// open opens the file of a block. O_NONBLOCK is for a named pipe in its place,
// whose open would wait for ever.
func (v *Volume) open(hash locator.Hash, flag int) (*os.File, fs.FileInfo, error) {
	f, err := v.root.OpenFile(path(hash), flag|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fail(hash, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotFile
	}
	if err != nil {
		_ = f.Close() // it was not used
		return nil, nil, fail(hash, err)
	}
	return f, info, nil
}

// flockPause is how long to wait before the next try to get a file lock. The
// call that waits in the kernel does not end with a context.
const flockPause = 5 * time.Millisecond

// openLocked opens the file of a block for a change and holds its flock until
// the file is closed. The file is the one that has the block's name.
func (v *Volume) openLocked(ctx context.Context, hash locator.Hash) (*os.File, fs.FileInfo, error) {
	for {
		f, info, err := v.open(hash, os.O_RDWR)
		if err != nil || v.options.NoFlock {
			return f, info, err
		}
		if err := flock(ctx, f, hash); err != nil {
			_ = f.Close() // it was not changed
			return nil, nil, err
		}
		now, err := v.root.Lstat(path(hash))
		if err == nil && os.SameFile(info, now) {
			info, err = f.Stat() // another process may have touched it
			return f, info, fail(hash, err)
		}
		_ = f.Close() // another process moved it meanwhile: look again
	}
}

func flock(ctx context.Context, f *os.File, hash locator.Hash) error {
	pause := time.NewTicker(flockPause)
	defer pause.Stop()
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err {
		case nil:
			return nil
		case syscall.EWOULDBLOCK, syscall.EINTR:
		default:
			return fail(hash, err)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return volume.Ended(ctx, hash)
		}
	}
}

// refresh sets the time of an open file and makes it, and the name, durable.
// The name may not be so yet if the process that made it died.
func (v *Volume) refresh(hash locator.Hash, f *os.File) error {
	now := v.options.Now()
	if err := v.root.Chtimes(path(hash), now, now); err != nil {
		return fail(hash, err)
	}
	if err := f.Sync(); err != nil {
		return fail(hash, err)
	}
	return fail(hash, v.syncFolder(folder(hash)))
}

// makeFolder makes the folder of a block and its entry in the root durable.
func (v *Volume) makeFolder(name string) error {
	if _, ok := v.durable.Load(name); ok {
		return nil
	}
	if err := v.root.Mkdir(name, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := v.syncFolder("."); err != nil {
		return err
	}
	v.durable.Store(name, true)
	return nil
}

func (v *Volume) syncFolder(name string) error {
	f, err := v.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
