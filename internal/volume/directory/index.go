// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Index lists one folder at a time, so that a slow reader of the index holds
// no lock and little memory.
func (v *Volume) Index(ctx context.Context, prefix string, each func(volume.Info) error) error {
	if err := volume.CheckPrefix(prefix); err != nil {
		return err
	}
	folders, err := v.folders(prefix)
	if err != nil {
		return fail("", notMissing(err))
	}
	for _, name := range folders {
		blocks, err := v.indexFolder(ctx, name, prefix)
		if err != nil {
			return fail("", notMissing(err))
		}
		for _, b := range blocks {
			if err := each(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// folders returns the folders that hold blocks with the prefix. A symbolic
// link is among them, so that its blocks are an error and not forgotten.
func (v *Volume) folders(prefix string) ([]string, error) {
	names, err := v.names(".")
	var out []string
	for _, name := range names {
		if len(name) == 3 && volume.CheckPrefix(name) == nil && (strings.HasPrefix(name, prefix) || strings.HasPrefix(prefix, name)) {
			out = append(out, name)
		}
	}
	return out, err
}

func (v *Volume) indexFolder(ctx context.Context, in, prefix string) ([]volume.Info, error) {
	leave, err := v.gate.Enter(ctx, "")
	if err != nil {
		return nil, err
	}
	defer leave()
	names, err := v.names(in)
	if err != nil {
		return nil, err
	}
	var out []volume.Info
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) || volume.CheckHash(locator.Hash(name)) != nil {
			continue
		}
		info, err := v.root.Lstat(in + "/" + name)
		if errors.Is(err, os.ErrNotExist) {
			continue // it went into the trash just now
		}
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() && info.Size() <= volume.MaxSize {
			out = append(out, volume.Info{Hash: locator.Hash(name), Size: info.Size(), Modified: info.ModTime()})
		}
	}
	return out, nil
}

// names returns the names in a folder, in no order.
func (v *Volume) names(name string) ([]string, error) {
	f, err := v.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}
