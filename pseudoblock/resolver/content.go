// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// openContent reads the whole block from the first alternative that gives
// bytes of the right MD5. The signature of a content-form locator covers only
// the MD5, not where the bytes lie, so any caller may put any location into
// it: all failures get one answer, or the server would tell what exists.
func (g *Grant) openContent(ctx context.Context, offset, size int64) (Body, error) {
	buf, err := g.resolver.Buffers.get(ctx)
	if err != nil {
		return nil, err
	}
	var cause error
	for i := range g.Block.Extents {
		if g.access[i].Endpoint == nil || ctx.Err() != nil {
			continue
		}
		if cause = g.fill(ctx, buf, i); cause == nil {
			return newBuffered(buf, offset, size), nil
		}
	}
	buf.release()
	if errors.Is(ctx.Err(), context.Canceled) { // a time limit is a failure like others
		return nil, ctx.Err()
	}
	return nil, &Error{Kind: ContentUnavailable, Err: cause,
		Text: "no location of this block gave bytes with its MD5: try again, or import the data again"}
}

func (g *Grant) fill(ctx context.Context, buf *buffer, i int) error {
	body, err := g.resolver.Reader.Open(ctx, g.access[i], g.Block.Extents[i])
	if err != nil {
		return err
	}
	defer body.Close()
	buf.Reset()
	sum := md5.New()
	if _, err := io.Copy(io.MultiWriter(&buf.Buffer, sum), body); err != nil {
		return err
	}
	if locator.Hash(hex.EncodeToString(sum.Sum(nil))) != g.Block.Identity {
		return &Error{Kind: ContentUnavailable, Text: "the MD5 differs"}
	}
	return nil
}

// maxWait is how long a read waits for memory before the client is asked to
// come again, so that it hears something before its own time limit.
const maxWait = 10 * time.Second

// Buffers is a bounded pool of memory for content-form blocks.
type Buffers struct {
	slots chan struct{}
	pool  sync.Pool
}

// NewBuffers returns a pool that has at most n blocks in memory at once.
func NewBuffers(n int) *Buffers { return &Buffers{slots: make(chan struct{}, max(n, 1))} }

func (b *Buffers) get(ctx context.Context) (*buffer, error) {
	wait := time.NewTimer(maxWait)
	defer wait.Stop()
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
		return nil, &Error{Kind: Overloaded, Text: "too many blocks are being checked at once: try again later"}
	}
	if buf, ok := b.pool.Get().(*buffer); ok {
		return buf, nil
	}
	return &buffer{owner: b}, nil
}

type buffer struct {
	bytes.Buffer
	owner *Buffers
}

func (b *buffer) release() {
	b.owner.pool.Put(b)
	<-b.owner.slots
}

// buffered is a Body over checked bytes.
type buffered struct {
	*bytes.Reader
	close func()
}

func newBuffered(buf *buffer, offset, size int64) *buffered {
	return &buffered{bytes.NewReader(buf.Bytes()[offset : offset+size]), sync.OnceFunc(buf.release)}
}

// Close gives the memory back.
func (b *buffered) Close() error {
	b.Reader = bytes.NewReader(nil)
	b.close()
	return nil
}
