// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Get reads and checks a block.
func (v *Volume) Get(ctx context.Context, hash locator.Hash, buf []byte) (int, error) {
	if err := volume.CheckHash(hash); err != nil {
		return 0, err
	}
	n, err := v.get(ctx, hash, buf)
	if there, other := exists(err); !there && other == nil {
		if err := v.repair(ctx, hash); err != nil {
			return 0, fail(ctx, hash, err)
		}
		n, err = v.get(ctx, hash, buf)
	}
	switch {
	case errors.Is(err, errSpoilt):
		return 0, v.spoilt(ctx, hash)
	case errors.Is(err, errTooBig):
		return 0, volume.Fail(volume.WrongSize, hash, err)
	}
	return n, fail(ctx, hash, err)
}

func (v *Volume) get(ctx context.Context, hash locator.Hash, buf []byte) (n int, err error) {
	leave, err := v.gate.Enter(ctx, hash)
	if err != nil {
		return 0, err
	}
	defer leave()
	err = v.client.get(ctx, v.key("", hash), func(body io.Reader, size int64) error {
		if size > int64(len(buf)) {
			if err := verify(body, size, hash); err != nil {
				return err
			}
			return errTooBig
		}
		n = int(size)
		return fill(body, buf[:size], hash)
	})
	return n, err
}

// fill reads exactly buf and checks its MD5.
func fill(body io.Reader, buf []byte, hash locator.Hash) error {
	sum := md5.New()
	for rest := buf; len(rest) > 0; {
		n, err := io.ReadFull(body, rest[:min(len(rest), 256<<10)])
		if err != nil {
			return fmt.Errorf("%w: %w", errShort, err)
		}
		sum.Write(rest[:n])
		rest = rest[n:]
	}
	return compare(sum.Sum(nil), hash)
}

// verify reads size bytes, checks their MD5 and keeps nothing.
func verify(body io.Reader, size int64, hash locator.Hash) error {
	if size > volume.MaxSize {
		return errSpoilt
	}
	sum := md5.New()
	if n, err := io.Copy(sum, body); err != nil || n != size {
		return fmt.Errorf("%w: %w", errShort, err)
	}
	return compare(sum.Sum(nil), hash)
}

func compare(sum []byte, hash locator.Hash) error {
	if locator.Hash(hex.EncodeToString(sum)) != hash {
		return errSpoilt
	}
	return nil
}

// intact checks a stored block.
func (v *Volume) intact(ctx context.Context, hash locator.Hash) error {
	return v.client.get(ctx, v.key("", hash), func(body io.Reader, size int64) error {
		return verify(body, size, hash)
	})
}

// spoilt looks again at a block that a read found spoilt, with its lock.
func (v *Volume) spoilt(ctx context.Context, hash locator.Hash) error {
	if v.options.ReadOnly {
		v.options.Observe(volume.Event{Hash: hash})
		return volume.Fail(volume.CorruptBlock, hash, errSpoilt)
	}
	leave, err := v.enter(ctx, hash)
	if err != nil {
		return err
	}
	defer leave()
	err = v.intact(ctx, hash)
	if err == nil {
		return volume.Fail(volume.VolumeError, hash, errors.New("a read gave wrong bytes, the next one the right ones"))
	}
	if !errors.Is(err, errSpoilt) {
		return fail(ctx, hash, err)
	}
	v.setAside(ctx, hash)
	return volume.Fail(volume.CorruptBlock, hash, errSpoilt)
}

// setAside moves a spoilt block away. The caller holds the lock. If that fails
// the block stays, and every read finds out anew.
func (v *Volume) setAside(ctx context.Context, hash locator.Hash) {
	aside := fmt.Sprintf("%s.%d", v.key(asideFolder, hash), v.options.Now().UnixNano())
	err := v.client.copy(ctx, v.key("", hash), aside)
	if err == nil {
		err = v.client.remove(ctx, v.key("", hash))
	}
	if err != nil {
		aside = ""
	}
	v.options.Observe(volume.Event{Hash: hash, Place: aside})
}

// Stat asks for the block and for its time.
func (v *Volume) Stat(ctx context.Context, hash locator.Hash) (volume.Info, error) {
	if err := volume.CheckHash(hash); err != nil {
		return volume.Info{}, err
	}
	leave, err := v.gate.Enter(ctx, hash)
	if err != nil {
		return volume.Info{}, err
	}
	defer leave()
	info, err := v.stat(ctx, hash)
	return info, fail(ctx, hash, err)
}

func (v *Volume) stat(ctx context.Context, hash locator.Hash) (volume.Info, error) {
	block, err := v.client.head(ctx, v.key("", hash))
	if err != nil {
		return volume.Info{}, err
	}
	info := volume.Info{Hash: hash, Size: block.size, Modified: block.modified}
	recent, err := v.client.head(ctx, v.key(recentFolder, hash))
	if there, err := exists(err); !there {
		return info, err
	}
	info.Modified = recent.modified
	return info, nil
}
