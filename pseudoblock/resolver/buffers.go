// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"context"
	"math/bits"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/arvados-s3/keepstore/pseudoblock"
)

// maxWait is how long a request waits for memory before the client is asked to
// come again, so that it hears something before its own time limit.
const maxWait = 10 * time.Second

// minTaken is what the smallest block is counted as.
const minTaken = 64 << 10

// Buffers is a bounded amount of memory for blocks that are checked before
// they are passed on. Those who wait are served in turn.
type Buffers struct {
	free *semaphore.Weighted
	// pools hold memory that was given back, by the logarithm of its size.
	pools [bits.UintSize]sync.Pool
}

// NewBuffers returns memory of so many bytes, but for at least one block.
func NewBuffers(size int64) *Buffers {
	return &Buffers{free: semaphore.NewWeighted(max(size, pseudoblock.MaxContent))}
}

// Take waits for memory for a block of size bytes, at most
// [pseudoblock.MaxContent]. The caller calls release once if there is no
// error. What is in buf at first is not defined.
func (b *Buffers) Take(ctx context.Context, size int) (buf []byte, release func(), err error) {
	class := bits.Len(uint(max(size, minTaken) - 1))
	limited, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	if b.free.Acquire(limited, 1<<class) != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, nil, &Error{Kind: Overloaded, Text: "too many blocks are being read or written at once: try again in a moment"}
	}
	whole, ok := b.pools[class].Get().(*[]byte)
	if !ok {
		fresh := make([]byte, 1<<class)
		whole = &fresh
	}
	return (*whole)[:size], func() {
		b.pools[class].Put(whole)
		b.free.Release(1 << class)
	}, nil
}
