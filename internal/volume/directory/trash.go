// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

const trashMark = ".trash."

// staleAfter is when a temporary file belongs to nobody any more. A block is
// in memory before its file is made, so writing takes no longer than the disk.
const staleAfter = time.Hour

// Trash renames a block, or deletes it if trash has no life time.
func (v *Volume) Trash(ctx context.Context, hash locator.Hash, notAfter time.Time) (bool, error) {
	leave, err := v.enter(ctx, hash)
	if err != nil {
		return false, err
	}
	defer leave()
	f, info, err := v.openLocked(ctx, hash)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if info.ModTime().After(notAfter) {
		return false, nil
	}
	if v.options.TrashLifetime <= 0 {
		err = v.root.Remove(path(hash))
	} else {
		deadline := v.options.Now().Add(v.options.TrashLifetime).Unix()
		err = v.root.Rename(path(hash), path(hash)+trashMark+strconv.FormatInt(deadline, 10))
	}
	if err != nil {
		return false, fail(hash, err)
	}
	return true, fail(hash, v.syncFolder(folder(hash)))
}

// Untrash renames the youngest trash of the block back.
func (v *Volume) Untrash(ctx context.Context, hash locator.Hash) error {
	leave, err := v.enter(ctx, hash)
	if err != nil {
		return err
	}
	defer leave()
	if _, err := v.root.Lstat(path(hash)); errors.Is(err, os.ErrNotExist) {
		name, err := v.youngestTrash(hash)
		if err != nil {
			return fail(hash, err)
		}
		if err := v.bringBack(folder(hash)+"/"+name, path(hash)); err != nil {
			return fail(hash, err)
		}
	}
	f, _, err := v.openLocked(ctx, hash)
	if err != nil {
		return err
	}
	defer f.Close()
	return v.refresh(hash, f)
}

// bringBack is a rename that never replaces: another process may have put the
// block meanwhile, and its bytes were checked just now.
func (v *Volume) bringBack(trash, block string) error {
	err := v.root.Link(trash, block)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return v.root.Remove(trash)
}

func (v *Volume) youngestTrash(hash locator.Hash) (string, error) {
	names, err := v.names(folder(hash))
	if err != nil {
		return "", err
	}
	found, latest := "", int64(0)
	for _, name := range names {
		if of, deadline, ok := parseTrash(name); ok && of == hash && deadline >= latest {
			found, latest = name, deadline
		}
	}
	if found == "" {
		return "", fs.ErrNotExist
	}
	return found, nil
}

// parseTrash takes the name of trash apart.
func parseTrash(name string) (hash locator.Hash, deadline int64, ok bool) {
	before, after, ok := strings.Cut(name, trashMark)
	if !ok || volume.CheckHash(locator.Hash(before)) != nil {
		return "", 0, false
	}
	deadline, err := strconv.ParseInt(after, 10, 64)
	return locator.Hash(before), deadline, err == nil && deadline >= 0
}

// EmptyTrash deletes old trash, and temporary files of processes that died.
func (v *Volume) EmptyTrash(ctx context.Context) (volume.Emptied, error) {
	var sum volume.Emptied
	if v.options.ReadOnly {
		return sum, volume.Fail(volume.ReadOnly, "", nil)
	}
	folders, err := v.folders("")
	first := err
	for _, name := range folders {
		if err := volume.Ended(ctx, ""); err != nil {
			return sum, err
		}
		if err := v.sweep(ctx, name, &sum); first == nil {
			first = err
		}
	}
	return sum, fail("", first)
}

// sweep empties one folder and returns its first failure.
func (v *Volume) sweep(ctx context.Context, in string, sum *volume.Emptied) error {
	names, first := v.names(in)
	for _, name := range names {
		var err error
		if hash, deadline, ok := parseTrash(name); ok {
			err = v.sweepTrash(ctx, in+"/"+name, hash, deadline, sum)
		} else if strings.HasPrefix(name, tempPrefix) {
			err = v.sweepTemp(in + "/" + name)
		}
		if first == nil && !errors.Is(err, os.ErrNotExist) {
			first = err
		}
	}
	return first
}

func (v *Volume) sweepTrash(ctx context.Context, file string, hash locator.Hash, deadline int64, sum *volume.Emptied) error {
	leave, err := v.enter(ctx, hash) // Untrash may be at work
	if err != nil {
		return err
	}
	defer leave()
	info, err := v.root.Lstat(file)
	if err != nil {
		return err
	}
	if deadline > v.options.Now().Unix() {
		sum.KeptBlocks++
		sum.KeptBytes += info.Size()
		return nil
	}
	if err := v.root.Remove(file); err != nil {
		return err
	}
	sum.Blocks++
	sum.Bytes += info.Size()
	return nil
}

func (v *Volume) sweepTemp(file string) error {
	info, err := v.root.Lstat(file)
	if err != nil || v.options.Now().Sub(info.ModTime()) < staleAfter {
		return err
	}
	return v.root.Remove(file)
}
