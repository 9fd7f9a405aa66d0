// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume

import (
	"context"
	"errors"
	"io"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Put stores a block, unless it is there and intact, and then its time.
func (v *Volume) Put(ctx context.Context, b volume.Block) error {
	leave, err := v.enter(ctx, b.Hash())
	if err != nil {
		return err
	}
	defer leave()
	there, err := v.sound(ctx, b)
	if err == nil && !there {
		err = v.client.put(ctx, v.key("", b.Hash()), b.Data())
	}
	if err == nil {
		err = v.refresh(ctx, b.Hash())
	}
	return fail(ctx, b.Hash(), notMissing(err))
}

// sound reports whether the block is there. A spoilt one is set aside, and
// then it is not.
func (v *Volume) sound(ctx context.Context, b volume.Block) (bool, error) {
	var same *volume.Comparison
	err := v.client.get(ctx, v.key("", b.Hash()), func(body io.Reader, size int64) error {
		same = b.Compare() // anew at each attempt
		return verify(io.TeeReader(body, same), size, b.Hash())
	})
	if errors.Is(err, errSpoilt) {
		v.setAside(ctx, b.Hash())
		return false, nil
	}
	there, err := exists(err)
	if there {
		err = same.Err()
	}
	return there, err
}

// refresh makes the time of a block that of now.
func (v *Volume) refresh(ctx context.Context, hash locator.Hash) error {
	return v.client.put(ctx, v.key(recentFolder, hash), nil)
}

// notMissing keeps a bucket that vanished from looking like a missing block.
func notMissing(err error) error {
	if there, other := exists(err); !there && other == nil && err != nil {
		return errors.New(err.Error())
	}
	return err
}

// Touch refreshes the time of a block.
func (v *Volume) Touch(ctx context.Context, hash locator.Hash) error {
	leave, err := v.enter(ctx, hash)
	if err != nil {
		return err
	}
	defer leave()
	_, err = v.client.head(ctx, v.key("", hash))
	if there, other := exists(err); !there && other == nil {
		err = v.repairLocked(ctx, hash)
	}
	if err == nil {
		err = v.refresh(ctx, hash)
	}
	return fail(ctx, hash, err)
}
