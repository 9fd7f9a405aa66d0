// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"errors"
	"io"
	"sync"
	"time"
)

// Copying large bodies costs almost only system calls, and fewer of them with
// a larger buffer: 1 MiB takes about half the CPU of 256 KiB. But a buffer is
// held as long as a client does not take its bytes, so each copy begins with a
// small one, gets a large one while both sides are fast, and gives it back to
// a client that is slow. The number of large ones is bounded for an endpoint.
const (
	smallBuffer = 32 << 10
	largeBuffer = 1 << 20
	maxLarge    = 64
	// A write that takes less is fast, one that takes longer is slow.
	fastWrite = 20 * time.Millisecond
	slowWrite = 200 * time.Millisecond
)

// buffers are the copy buffers of one endpoint.
type buffers struct {
	small, large sync.Pool
	// slots holds one element for each large buffer in use.
	slots chan struct{}
}

func newBuffers() *buffers {
	return &buffers{
		small: sync.Pool{New: func() any { return new([smallBuffer]byte) }},
		large: sync.Pool{New: func() any { return new([largeBuffer]byte) }},
		slots: make(chan struct{}, maxLarge),
	}
}

// copyBuffer is the buffer of one copy: a small one, and for some time a
// large one.
type copyBuffer struct {
	from  *buffers
	small *[smallBuffer]byte
	large *[largeBuffer]byte
}

func (b *buffers) get() *copyBuffer {
	return &copyBuffer{from: b, small: b.small.Get().(*[smallBuffer]byte)}
}

// bytes returns the buffer to use now.
func (c *copyBuffer) bytes() []byte {
	if c.large != nil {
		return c.large[:]
	}
	return c.small[:]
}

// adapt chooses the next buffer after one was written.
func (c *copyBuffer) adapt(full bool, took time.Duration) {
	switch {
	case c.large != nil && took > slowWrite:
		c.shrink()
	case c.large == nil && full && took < fastWrite:
		c.grow()
	}
}

func (c *copyBuffer) grow() {
	select {
	case c.from.slots <- struct{}{}:
		c.large = c.from.large.Get().(*[largeBuffer]byte)
	default: // enough others have one
	}
}

func (c *copyBuffer) shrink() {
	c.from.large.Put(c.large)
	c.large = nil
	<-c.from.slots
}

// release gives everything back.
func (c *copyBuffer) release() {
	if c.large != nil {
		c.shrink()
	}
	c.from.small.Put(c.small)
}

// WriteTo writes what is left to w.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	buffer := b.operation.buffers.get()
	defer buffer.release()
	var written int64
	for {
		p := buffer.bytes()
		n, err := b.Read(p)
		if n > 0 {
			began := time.Now()
			m, werr := w.Write(p[:n])
			written += int64(m)
			if werr != nil {
				return written, werr
			}
			buffer.adapt(n == len(p), time.Since(began))
		}
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, err
		}
	}
}
