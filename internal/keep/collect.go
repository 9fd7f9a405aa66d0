// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Touch refreshes the time of one copy of a block, which keeps it from being
// taken away.
func (s *Store) Touch(ctx context.Context, hash locator.Hash) error {
	_, err := s.each(ctx, "touch", hash, true, func(m *Mount) error { return m.Volume.Touch(ctx, hash) })
	return err
}

// Trash takes away every copy that is old enough. That there was none is no
// error, but that there was no copy at all is one.
func (s *Store) Trash(ctx context.Context, hash locator.Hash) error {
	p := s.policy.Load()
	if !p.Trash {
		return &Error{Kind: TrashOff, Text: "blocks are not taken away here: the operator can set blob_trash"}
	}
	limit := s.options.Now().Add(-p.MinAge)
	_, err := s.each(ctx, "trash", hash, false, func(m *Mount) error {
		_, err := m.Volume.Trash(ctx, hash, limit)
		return err
	})
	return err
}

// Untrash brings every copy back that is in the trash, and says on how many
// mounts.
func (s *Store) Untrash(ctx context.Context, hash locator.Hash) (mounts int, err error) {
	return s.each(ctx, "untrash", hash, false, func(m *Mount) error { return m.Volume.Untrash(ctx, hash) })
}

// each does something on the mounts that may change, on all or until it is
// done once, and counts where it was done. Nothing done is the error of the
// mount that has more to say.
func (s *Store) each(ctx context.Context, op string, hash locator.Hash, once bool, do func(*Mount) error) (done int, err error) {
	err = volume.Fail(volume.BlockNotFound, hash, nil)
	for _, m := range s.writable(hash) {
		begin := time.Now()
		failed := s.observe(m, op, begin, 0, do(m))
		if failed == nil {
			done++
		} else if !volume.IsKind(failed, volume.BlockNotFound) && volume.IsKind(err, volume.BlockNotFound) {
			err = failed
		}
		if ended := volume.Ended(ctx, hash); ended != nil {
			return done, ended
		}
		if done > 0 && once {
			break
		}
	}
	if done > 0 && (once || volume.IsKind(err, volume.BlockNotFound)) {
		err = nil
	}
	return done, err
}
