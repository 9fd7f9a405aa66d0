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

	"github.com/arvados-s3/keepstore/locator"
)

// openContent reads the whole block from the first alternative that gives
// bytes of the right MD5. The signature of a content-form locator covers only
// the MD5, not where the bytes lie, so any caller may put any location into
// it: all failures get one answer, or the server would tell what exists.
func (g *Grant) openContent(ctx context.Context, offset, size int64) (Body, error) {
	buf, release, err := g.resolver.Buffers.Take(ctx, int(g.Block.Size))
	if err != nil {
		return nil, err
	}
	var cause error
	for i := range g.Block.Extents {
		if g.right.rules[i] == nil || ctx.Err() != nil {
			continue
		}
		if cause != nil && g.alive(ctx) != nil { // the first location took its time
			break
		}
		if cause = g.fill(ctx, buf, i); cause == nil {
			return &buffered{bytes.NewReader(buf[offset : offset+size]), sync.OnceFunc(release)}, nil
		}
	}
	release()
	if errors.Is(ctx.Err(), context.Canceled) { // a time limit is a failure like others
		return nil, ctx.Err()
	}
	return nil, g.unavailable(cause)
}

// unavailable depends on the token, but not on what rules and S3 say.
func (g *Grant) unavailable(cause error) error {
	text := "no location of this block gave bytes with its MD5: try again, or import the data again"
	if !g.right.caller.AllScopes {
		text += "; locations that are read with rights of the reader's own are not open to sharing links"
	}
	return &Error{Kind: ContentUnavailable, Err: cause, Text: text}
}

func (g *Grant) fill(ctx context.Context, buf []byte, i int) error {
	access, err := g.accessBy(ctx, g.right.rules[i])
	if err != nil {
		return err
	}
	body, err := g.resolver.Reader.Open(ctx, access, g.Block.Extents[i])
	if err != nil {
		return err
	}
	defer body.Close()
	sum, to := md5.New(), filler{buf}
	if _, err := io.Copy(io.MultiWriter(&to, sum), body); err != nil {
		return err
	}
	if locator.Hash(hex.EncodeToString(sum.Sum(nil))) != g.Block.Identity {
		return &Error{Kind: ContentUnavailable, Text: "the MD5 differs"}
	}
	return nil
}

// filler writes into a slice.
type filler struct{ rest []byte }

// Write fills the next bytes.
func (f *filler) Write(p []byte) (int, error) {
	n := copy(f.rest, p)
	f.rest = f.rest[n:]
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

// buffered is a Body over checked bytes.
type buffered struct {
	*bytes.Reader
	close func()
}

// Close gives the memory back.
func (b *buffered) Close() error {
	b.Reader = bytes.NewReader(nil)
	b.close()
	return nil
}
