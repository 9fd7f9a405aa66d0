// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"context"
	"io"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// Body is the bytes of a read: exactly as many as asked for and then io.EOF,
// or an error. The caller closes it.
type Body interface {
	io.ReadCloser
	io.WriterTo
}

// Grant is the right to read one block, with the credentials for it. It is
// good for the request that it was made for.
type Grant struct {
	Block    pseudoblock.Block
	right    right
	access   creds.Access // of opaque and derived blocks
	resolver *Resolver
}

// grant gets the credentials of the block. Those of content form wait until
// an alternative is tried, since most often the first one does.
func (r *Resolver) grant(ctx context.Context, block pseudoblock.Block, right right) (*Grant, error) {
	g := &Grant{Block: block, right: right, resolver: r}
	if block.Form == pseudoblock.Content {
		return g, nil
	}
	var err error
	g.access, err = g.accessBy(ctx, right.rules[0])
	if err != nil {
		return nil, err
	}
	return g, nil
}

// accessBy returns the access that a rule gives to the caller, for as long as
// the token lives: a read may take minutes, and several requests.
func (g *Grant) accessBy(ctx context.Context, rule *creds.Rule) (creds.Access, error) {
	access, err := g.resolver.Keychain.Access(ctx, rule, g.right.caller)
	if err == nil && access.Provider != nil {
		access.Provider = whileAlive(access.Provider, g.alive)
	}
	return access, err
}

// alive says why the caller's token opens nothing now, or nil.
func (g *Grant) alive(ctx context.Context) error {
	_, err := g.resolver.Caller(ctx, g.right.caller.Token)
	return err
}

// Open reads size bytes from offset of the block. The caller guarantees
// 0 ≤ offset, 0 < size and offset+size ≤ Block.Size. It returns when the
// first reply of S3 has been accepted; for content form, when the bytes of
// the whole block have been checked.
func (g *Grant) Open(ctx context.Context, offset, size int64) (Body, error) {
	if g.Block.Form == pseudoblock.Content {
		return g.openContent(ctx, offset, size)
	}
	body, err := g.resolver.Reader.Open(ctx, g.access, g.Block.Extents[0].Slice(offset, size))
	if err != nil {
		return nil, err // not a nil *s3read.Body in a Body
	}
	return body, nil
}

// Check reports whether the block can be read now, without reading it: one
// HEAD of the object version, of which it returns what S3 said, also next to an
// error if S3 said it. For content form the bytes are read and checked, as a
// stock keepstore does, and nothing is said of where they are: its signature
// does not cover that.
func (g *Grant) Check(ctx context.Context) (*s3read.Info, error) {
	if g.Block.Form == pseudoblock.Content {
		body, err := g.openContent(ctx, 0, g.Block.Size)
		if err != nil {
			return nil, err
		}
		return nil, body.Close()
	}
	extent := g.Block.Extents[0]
	info, err := g.resolver.Reader.Head(ctx, g.access, extent.Object)
	if err != nil {
		return nil, err
	}
	return &info, s3read.CheckFits(extent, info)
}
