// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Data is a block in memory, with its MD5 checked.
type Data struct {
	// Bytes must not be used after Release.
	Bytes []byte
	// Release gives the memory back; call it once.
	Release func()
}

// Get reads a block of a size from the first mount that has it intact. A
// negative size stands for any.
func (s *Store) Get(ctx context.Context, hash locator.Hash, size int64) (Data, error) {
	room := int64(volume.MaxSize)
	if size >= 0 {
		room = size
	}
	if room > volume.MaxSize {
		return Data{}, volume.Fail(volume.WrongSize, hash, nil)
	}
	buf, release, err := s.options.Memory.Take(ctx, int(room))
	if err != nil {
		return Data{}, err
	}
	n, err := s.read(ctx, hash, buf)
	if err == nil && size >= 0 && int64(n) != size {
		err = volume.Fail(volume.WrongSize, hash, nil)
	}
	if err != nil {
		release()
		return Data{}, err
	}
	return Data{Bytes: buf[:n], Release: release}, nil
}

// read asks the mounts in turn. When none has the block intact, a failure says
// more than a mount that does not have it.
func (s *Store) read(ctx context.Context, hash locator.Hash, buf []byte) (int, error) {
	missing := error(volume.Fail(volume.BlockNotFound, hash, nil))
	var failed error
	for _, m := range s.order(hash) {
		if err := volume.Ended(ctx, hash); err != nil {
			return 0, err
		}
		begin := time.Now()
		n, err := m.Volume.Get(ctx, hash, buf)
		_ = s.observe(m, "get", begin, int64(n), err) // the same err
		switch {
		case err == nil || volume.IsKind(err, volume.WrongSize): // the size of intact bytes is the same everywhere
			return n, err
		case failed == nil && !volume.IsKind(err, volume.BlockNotFound):
			failed = err
		}
	}
	if err := volume.Ended(ctx, hash); err != nil {
		return 0, err
	}
	if failed != nil {
		return 0, failed
	}
	return 0, missing
}
