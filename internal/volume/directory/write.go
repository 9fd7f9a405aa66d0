// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strconv"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".tmp-"

// Put stores a block durably.
func (v *Volume) Put(ctx context.Context, b volume.Block) error {
	leave, err := v.enter(ctx, b.Hash())
	if err != nil {
		return err
	}
	defer leave()
	err = v.refreshIntact(ctx, b)
	if !volume.IsKind(err, volume.BlockNotFound) {
		return err
	}
	free, err := v.free()
	if err != nil {
		return fail(b.Hash(), err)
	}
	if free < int64(len(b.Data())) {
		return volume.Fail(volume.VolumeFull, b.Hash(), errors.New("only the reserve is left"))
	}
	err = v.write(ctx, b)
	if errors.Is(err, os.ErrNotExist) { // somebody removed the empty folder
		v.durable.Delete(folder(b.Hash()))
		err = v.write(ctx, b)
	}
	return fail(b.Hash(), notMissing(err))
}

// notMissing keeps a folder that vanished from looking like a missing block.
func notMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return errors.New(err.Error())
	}
	return err
}

// refreshIntact refreshes the time of a block if it is there and intact. A
// spoilt one is set aside, and then missing.
func (v *Volume) refreshIntact(ctx context.Context, b volume.Block) error {
	f, _, err := v.openLocked(ctx, b.Hash())
	if err != nil {
		return err
	}
	defer f.Close()
	same := b.Compare()
	err = verify(ctx, io.TeeReader(f, same), b.Hash())
	if errors.Is(err, errSpoilt) {
		v.setAside(b.Hash())
		return volume.Fail(volume.BlockNotFound, b.Hash(), err)
	}
	if err != nil {
		return fail(b.Hash(), err)
	}
	if err := same.Err(); err != nil {
		return err
	}
	return v.refresh(b.Hash(), f)
}

// write makes the file of a block appear whole or not at all.
func (v *Volume) write(ctx context.Context, b volume.Block) error {
	name := folder(b.Hash())
	if err := v.makeFolder(name); err != nil {
		return err
	}
	temp := name + "/" + tempPrefix + string(b.Hash()) + "-" + strconv.FormatUint(rand.Uint64(), 36)
	if err := v.writeTemp(ctx, temp, b); err != nil {
		return errors.Join(err, v.dropTemp(temp))
	}
	if err := v.root.Rename(temp, path(b.Hash())); err != nil {
		return errors.Join(err, v.dropTemp(temp))
	}
	return v.syncFolder(name)
}

func (v *Volume) dropTemp(temp string) error {
	if err := v.root.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (v *Volume) writeTemp(ctx context.Context, temp string, b volume.Block) error {
	f, err := v.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	err = pour(ctx, f, b)
	if err == nil {
		now := v.options.Now()
		err = v.root.Chtimes(temp, now, now)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func pour(ctx context.Context, f *os.File, b volume.Block) error {
	for rest := b.Data(); len(rest) > 0; {
		if err := volume.Ended(ctx, b.Hash()); err != nil {
			return err
		}
		n, err := f.Write(rest[:min(len(rest), 4*chunk)])
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// Touch refreshes the time of a block.
func (v *Volume) Touch(ctx context.Context, hash locator.Hash) error {
	leave, err := v.enter(ctx, hash)
	if err != nil {
		return err
	}
	defer leave()
	f, _, err := v.openLocked(ctx, hash)
	if err != nil {
		return err
	}
	defer f.Close()
	return v.refresh(hash, f)
}
