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
	size int64
	free *semaphore.Weighted
	// pools hold memory that was given back, by the logarithm of its size.
	pools [bits.UintSize]sync.Pool
}

// NewBuffers returns memory of so many bytes, but for at least one block.
func NewBuffers(size int64) *Buffers {
	size = max(size, pseudoblock.MaxContent)
	return &Buffers{size: size, free: semaphore.NewWeighted(size)}
}

// Half is that part of the memory of [Buffers] that may be lent for blocks
// whose senders decide how fast they come. The rest stays for others.
type Half struct {
	buffers *Buffers
	free    *semaphore.Weighted
}

// Half returns half of the memory, but at least enough for one block.
func (b *Buffers) Half() *Half {
	return &Half{b, semaphore.NewWeighted(max(b.size/2, pseudoblock.MaxContent))}
}

// Take is like that of [Buffers].
func (h *Half) Take(ctx context.Context, size int) (buf []byte, release func(), err error) {
	weight := int64(1) << class(size)
	if err := acquire(ctx, h.free, weight); err != nil {
		return nil, nil, err
	}
	buf, back, err := h.buffers.Take(ctx, size)
	if err != nil {
		h.free.Release(weight)
		return nil, nil, err
	}
	return buf, func() {
		back()
		h.free.Release(weight)
	}, nil
}

// class is the logarithm of the memory that a block of size bytes is given.
func class(size int) int { return bits.Len(uint(max(size, minTaken) - 1)) }

func acquire(ctx context.Context, from *semaphore.Weighted, weight int64) error {
	limited, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	switch {
	case from.Acquire(limited, weight) == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &Error{Kind: Overloaded, Text: "too many blocks are being read or written at once: try again in a moment"}
}

// Take waits for memory for a block of size bytes, at most
// [pseudoblock.MaxContent]. The caller calls release once if there is no
// error. What is in buf at first is not defined.
func (b *Buffers) Take(ctx context.Context, size int) (buf []byte, release func(), err error) {
	class := class(size)
	if err := acquire(ctx, b.free, 1<<class); err != nil {
		return nil, nil, err
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
