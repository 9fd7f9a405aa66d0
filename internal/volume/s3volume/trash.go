// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume

import (
	"context"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Trash copies a block into the trash and deletes it.
func (v *Volume) Trash(ctx context.Context, hash locator.Hash, notAfter time.Time) (bool, error) {
	leave, err := v.enter(ctx, hash)
	if err != nil {
		return false, err
	}
	defer leave()
	info, err := v.stat(ctx, hash)
	if err != nil || info.Modified.After(notAfter) {
		return false, fail(ctx, hash, err)
	}
	if err := v.client.copy(ctx, v.key("", hash), v.key(trashFolder, hash)); err != nil {
		return false, fail(ctx, hash, err)
	}
	again, err := v.stat(ctx, hash)
	if err != nil || !again.Modified.Equal(info.Modified) {
		return false, fail(ctx, hash, err)
	}
	err = v.client.remove(ctx, v.key("", hash))
	return err == nil, fail(ctx, hash, err)
}

// Untrash copies a block back.
func (v *Volume) Untrash(ctx context.Context, hash locator.Hash) error {
	leave, err := v.enter(ctx, hash)
	if err != nil {
		return err
	}
	defer leave()
	_, err = v.client.head(ctx, v.key("", hash))
	there, err := exists(err)
	if err == nil && !there {
		err = v.client.copy(ctx, v.key(trashFolder, hash), v.key("", hash))
	}
	if err == nil {
		err = v.refresh(ctx, hash)
	}
	if err == nil {
		err = v.client.remove(ctx, v.key(trashFolder, hash))
	}
	return fail(ctx, hash, err)
}

// repair brings a missing block back if its trash is not younger than its last
// Put or Touch. Otherwise it returns an error that says that it is missing.
func (v *Volume) repair(ctx context.Context, hash locator.Hash) error {
	if v.options.ReadOnly {
		return volume.Fail(volume.BlockNotFound, hash, nil)
	}
	if _, err := v.client.head(ctx, v.key(trashFolder, hash)); err != nil {
		return err // nearly always, so that it needs no lock
	}
	leave, err := v.enter(ctx, hash)
	if err != nil {
		return err
	}
	defer leave()
	return v.repairLocked(ctx, hash)
}

func (v *Volume) repairLocked(ctx context.Context, hash locator.Hash) error {
	trash, err := v.client.head(ctx, v.key(trashFolder, hash))
	if err != nil {
		return err
	}
	recent, err := v.client.head(ctx, v.key(recentFolder, hash))
	if err != nil {
		return err
	}
	if recent.modified.Before(trash.modified) {
		return volume.Fail(volume.BlockNotFound, hash, nil)
	}
	return v.client.copy(ctx, v.key(trashFolder, hash), v.key("", hash))
}

// EmptyTrash deletes old trash.
func (v *Volume) EmptyTrash(ctx context.Context) (volume.Emptied, error) {
	var sum volume.Emptied
	if v.options.ReadOnly {
		return sum, volume.Fail(volume.ReadOnly, "", nil)
	}
	var first error
	for e, err := range v.client.list(ctx, v.options.Prefix+trashFolder) {
		if err == nil {
			err = v.sweep(ctx, e, &sum)
		}
		if first == nil {
			first = err
		}
	}
	return sum, fail(ctx, "", notMissing(first))
}

// sweep deletes one piece of trash if its time has come and no crossed Put
// still needs it.
func (v *Volume) sweep(ctx context.Context, e entry, sum *volume.Emptied) error {
	hash := locator.Hash(e.Key[strings.LastIndexByte(e.Key, '/')+1:])
	if volume.CheckHash(hash) != nil || e.Key != v.key(trashFolder, hash) {
		return nil
	}
	if v.options.Now().Sub(e.LastModified) < v.options.TrashLifetime {
		sum.KeptBlocks++
		sum.KeptBytes += e.Size
		return nil
	}
	leave, err := v.enter(ctx, hash)
	if err != nil {
		return err
	}
	defer leave()
	_, err = v.client.head(ctx, v.key("", hash))
	there, err := exists(err)
	if err == nil && !there {
		if err = v.repairLocked(ctx, hash); err == nil {
			return nil // it stays in the trash until the next time
		}
		if known := fail(ctx, hash, err); volume.IsKind(known, volume.BlockNotFound) {
			err = v.client.remove(ctx, v.key(recentFolder, hash))
		}
	}
	if err == nil {
		err = v.client.remove(ctx, e.Key)
	}
	if err == nil {
		sum.Blocks++
		sum.Bytes += e.Size
	}
	return err
}
