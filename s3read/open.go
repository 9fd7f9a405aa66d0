// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"context"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// Open asks S3 for the bytes of an extent and returns when the headers of the
// reply have been accepted. It makes one GET, and more only if S3 fails in a
// way that may pass. ctx governs the Body too.
func (r *Reader) Open(ctx context.Context, access creds.Access, e pseudoblock.Extent) (*Body, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	o, err := r.begin(ctx, call{op: "get", access: access, object: e.Object,
		offset: e.Offset, size: e.Size, ifMatch: e.Object.ETag})
	if err != nil {
		return nil, err
	}
	b := &Body{operation: o, left: e.Size}
	if err := b.open(); err != nil {
		o.end()
		return nil, err
	}
	return b, nil
}

// open makes attempts for what is left of the range until one is accepted.
func (b *Body) open() error {
	a, err := b.operation.try(func(a *attempt) error {
		p, err := a.acceptRange(b.first)
		if err == nil && b.first == nil {
			b.first = &p
		}
		return err
	})
	b.attempt = a
	return err
}
