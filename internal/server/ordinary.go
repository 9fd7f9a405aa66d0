// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// emptyHash is the MD5 of no bytes.
const emptyHash locator.Hash = "d41d8cd98f00b204e9800998ecf8427e"

// block reads the path as a locator. Keep clients also send a hash with hints
// but without a size; then sized is false, and the size means nothing.
func (x *exchange) block() (l locator.Locator, sized bool, err error) {
	text := x.locator()
	if !beginsWithHash(text) || len(text) > 32 && (text[32] != '+' || len(text) == 33 || text[33] >= '0' && text[33] <= '9') {
		l, err = locator.Parse(text)
		return l, true, err
	}
	l, err = locator.Parse(text[:32] + "+0" + text[32:])
	if err == nil && pseudoblock.Is(l) {
		_, err = locator.Parse(text) // says that the size is missing
	}
	return l, false, err
}

// ordinary answers GET and HEAD of blocks that are no pseudo-blocks. What is
// wrong with a locator, the resolver tells.
func (x *exchange) ordinary() (done bool, err error) {
	l, sized, err := x.block()
	if err != nil || x.Store == nil && !sized {
		return false, nil
	}
	x.note("block", string(l.Identity()))
	if pseudoblock.Is(l) {
		return false, nil
	}
	if x.Store == nil {
		return true, x.withoutVolumes(l)
	}
	if err := x.authorise(l); err != nil {
		return true, err
	}
	if l.Hash() == emptyHash && l.Size() == 0 {
		x.blockHeaders(part{}, 0)
		return true, nil
	}
	return true, x.stored(l, sized)
}

// withoutVolumes knows one block: that of no bytes, which import writes for
// empty objects.
func (x *exchange) withoutVolumes(l locator.Locator) error {
	if _, err := x.token(); err != nil {
		return err
	}
	if l.Stripped() != locator.Empty {
		return refuse("not-stored", "this server holds references to S3 objects and no ordinary blocks: ask another Keep service")
	}
	x.blockHeaders(part{}, 0)
	return nil
}

// authorise checks the permission signature of an ordinary block, which as in
// Arvados is all that reading it needs.
func (x *exchange) authorise(l locator.Locator) error {
	token, err := x.token()
	if err != nil {
		return err
	}
	if l.HasHint('R') && l.Signature() == (locator.Signature{}) {
		return refuse("remote-block", "remote cluster not configured: this server does not fetch blocks of other clusters (+R), ask another Keep service")
	}
	return x.Signer.Verify(l, token.Reveal(), time.Now())
}

// stored reads a block from the volumes. Its MD5 is right before the first
// byte goes out.
func (x *exchange) stored(l locator.Locator, sized bool) error {
	whole := part{size: l.Size()}
	size := l.Size()
	if !sized {
		size = -1
	}
	if x.r.Method == http.MethodGet {
		if !sized {
			return refuse("size-missing", "the locator has no size, which reading needs: take the locator from the collection")
		}
		var err error
		if whole, err = x.part(size); err != nil {
			return err
		}
	}
	ctx, cancel := x.limitTime()
	defer cancel()
	data, err := x.Store.Get(ctx, l.Hash(), size)
	if err != nil {
		return err
	}
	defer data.Release()
	if x.r.Method == http.MethodHead {
		whole.size = int64(len(data.Bytes))
		x.blockHeaders(whole, whole.size)
		return nil
	}
	return x.sendPart(data, whole)
}

func (x *exchange) sendPart(data keep.Data, p part) error {
	x.blockHeaders(p, int64(len(data.Bytes)))
	_, err := bytes.NewReader(data.Bytes[p.offset : p.offset+p.size]).WriteTo(x.w)
	if err != nil && x.r.Context().Err() == nil {
		return context.DeadlineExceeded // nobody took the bytes
	}
	return err
}
