// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Index lists the blocks and their times side by side: both listings are in
// the order of the hashes.
func (v *Volume) Index(ctx context.Context, prefix string, each func(volume.Info) error) error {
	if err := volume.CheckPrefix(prefix); err != nil {
		return err
	}
	times := newTimes(v.blocks(ctx, recentFolder, prefix))
	defer times.stop()
	for block, err := range v.blocks(ctx, "", prefix) {
		if err == nil {
			err = times.find(&block)
		}
		if err != nil {
			return fail(ctx, "", notMissing(err))
		}
		if block.Size > volume.MaxSize {
			continue
		}
		if err := each(block); err != nil {
			return err
		}
	}
	return nil
}

// blocks lists a folder, or the blocks themselves.
func (v *Volume) blocks(ctx context.Context, folder, prefix string) iter.Seq2[volume.Info, error] {
	base := v.options.Prefix + folder
	below := prefix
	if len(prefix) > 3 {
		below = prefix[:3] + "/" + prefix
	}
	return func(yield func(volume.Info, error) bool) {
		for e, err := range v.client.list(ctx, base+below) {
			if err != nil {
				yield(volume.Info{}, err)
				return
			}
			if e.Key >= base+"g" {
				return // the folders recent, set-aside and trash
			}
			hash := locator.Hash(e.Key[strings.LastIndexByte(e.Key, '/')+1:])
			if volume.CheckHash(hash) != nil || e.Key != v.key(folder, hash) {
				continue
			}
			// HEAD tells whole seconds only, and a time must be the same
			// whoever tells it.
			if !yield(volume.Info{Hash: hash, Size: e.Size, Modified: e.LastModified.Truncate(time.Second)}, nil) {
				return
			}
		}
	}
}

// times walks along the listing of the folder recent.
type times struct {
	next func() (volume.Info, error, bool)
	stop func()
	at   volume.Info
	ok   bool
}

func newTimes(list iter.Seq2[volume.Info, error]) *times {
	t := &times{ok: true}
	t.next, t.stop = iter.Pull2(list)
	return t
}

// find sets the time of a block to the one that the folder recent has. Blocks
// must come in order.
func (t *times) find(block *volume.Info) (err error) {
	for t.ok && t.at.Hash < block.Hash {
		if t.at, err, t.ok = t.next(); err != nil {
			return err
		}
	}
	if t.ok && t.at.Hash == block.Hash {
		block.Modified = t.at.Modified
	}
	return nil
}
