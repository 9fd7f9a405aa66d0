// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// chunk is how much is read and hashed at a time, while it is in the cache of
// the processor, and how often a read looks at its context.
const chunk = 256 << 10

// errSpoilt is what a read finds in a file that is not what its name says.
var errSpoilt = errors.New("the MD5 differs")

// Get reads and checks a block.
func (v *Volume) Get(ctx context.Context, hash locator.Hash, buf []byte) (int, error) {
	if err := volume.CheckHash(hash); err != nil {
		return 0, err
	}
	n, err := v.get(ctx, hash, buf)
	if errors.Is(err, errSpoilt) {
		return 0, v.spoilt(ctx, hash)
	}
	return n, fail(hash, err)
}

func (v *Volume) get(ctx context.Context, hash locator.Hash, buf []byte) (int, error) {
	leave, err := v.gate.Enter(ctx, hash)
	if err != nil {
		return 0, err
	}
	defer leave()
	f, info, err := v.open(hash, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size := info.Size()
	if size > int64(len(buf)) {
		if err := verify(ctx, f, hash); err != nil {
			return 0, err
		}
		return 0, volume.Fail(volume.WrongSize, hash, fmt.Errorf("the block has %d bytes, the buffer %d", size, len(buf)))
	}
	return int(size), fill(ctx, f, buf[:size], hash)
}

// fill reads exactly buf from f and checks its MD5.
func fill(ctx context.Context, f io.Reader, buf []byte, hash locator.Hash) error {
	sum := md5.New()
	for rest := buf; len(rest) > 0; {
		if err := volume.Ended(ctx, hash); err != nil {
			return err
		}
		n, err := io.ReadFull(f, rest[:min(len(rest), chunk)])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errSpoilt // it was cut just now
		}
		if err != nil {
			return err
		}
		sum.Write(rest[:n])
		rest = rest[n:]
	}
	if locator.Hash(hex.EncodeToString(sum.Sum(nil))) != hash {
		return errSpoilt
	}
	return nil
}

// verify reads f from its current place to its end, checks its MD5 and keeps
// nothing.
func verify(ctx context.Context, f io.Reader, hash locator.Hash) error {
	sum, buf, size := md5.New(), make([]byte, chunk), 0
	for size <= volume.MaxSize {
		if err := volume.Ended(ctx, hash); err != nil {
			return err
		}
		n, err := f.Read(buf)
		sum.Write(buf[:n])
		size += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if size > volume.MaxSize || locator.Hash(hex.EncodeToString(sum.Sum(nil))) != hash {
		return errSpoilt
	}
	return nil
}

// spoilt looks again at a file that a read found spoilt, this time as the only
// one who may change it: it may have been replaced by a good one meanwhile.
func (v *Volume) spoilt(ctx context.Context, hash locator.Hash) error {
	leave, err := v.enterAnyway(ctx, hash)
	if err != nil {
		return err
	}
	defer leave()
	if v.options.ReadOnly {
		v.options.Observe(volume.Event{Hash: hash})
		return volume.Fail(volume.CorruptBlock, hash, errSpoilt)
	}
	f, _, err := v.openLocked(ctx, hash)
	if err != nil {
		return err
	}
	defer f.Close()
	switch err := verify(ctx, f, hash); {
	case err == nil:
		return volume.Fail(volume.VolumeError, hash, errors.New("a read gave wrong bytes, the next one the right ones"))
	case !errors.Is(err, errSpoilt):
		return fail(hash, err)
	}
	v.setAside(hash)
	return volume.Fail(volume.CorruptBlock, hash, errSpoilt)
}

// setAside renames the file of a block that was found spoilt. The caller holds
// the lock. If that fails the block stays, and every read finds out anew.
func (v *Volume) setAside(hash locator.Hash) {
	aside := fmt.Sprintf("%s.corrupt.%d", path(hash), v.options.Now().UnixNano())
	if err := v.root.Rename(path(hash), aside); err != nil {
		aside = ""
	}
	_ = v.syncFolder(folder(hash)) // if it is lost, the next read sets it aside again
	v.options.Observe(volume.Event{Hash: hash, Place: aside})
}

// Stat describes a block by its file's size and time.
func (v *Volume) Stat(ctx context.Context, hash locator.Hash) (volume.Info, error) {
	if err := volume.CheckHash(hash); err != nil {
		return volume.Info{}, err
	}
	leave, err := v.gate.Enter(ctx, hash)
	if err != nil {
		return volume.Info{}, err
	}
	defer leave()
	info, err := v.root.Lstat(path(hash))
	if err == nil && !info.Mode().IsRegular() {
		err = errNotFile
	}
	if err != nil {
		return volume.Info{}, fail(hash, err)
	}
	return volume.Info{Hash: hash, Size: info.Size(), Modified: info.ModTime()}, nil
}
