// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"sync"

	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// pack is a block that is being written: small files, and the ends of large
// ones, go one after the other into it until it is stored.
type pack struct {
	mu     sync.Mutex
	data   []byte // nil when it is stored; guarded by mu, like the rest
	length int64
	stored string
}

func (p *pack) size() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.length
}

func (p *pack) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stored
}

// add appends data and returns its position.
func (p *pack) add(data []byte) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.length
	p.data = append(p.data, data...)
	p.length = int64(len(p.data))
	return at
}

// view returns bytes that are not stored yet, or nil.
func (p *pack) view(offset, size int64) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.data == nil {
		return nil
	}
	return p.data[offset : offset+size : offset+size] // what was written never changes
}

// store stores the block. After an error the bytes are still here.
func (p *pack) store(ctx context.Context, k *keep.Client) error {
	p.mu.Lock()
	data := p.data
	p.mu.Unlock()
	if data == nil {
		return nil
	}
	l, err := k.Put(ctx, data)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.data, p.stored = nil, l.String()
	return nil
}

// packer holds the pack of a collection that is still open.
type packer struct {
	mu   sync.Mutex
	keep *keep.Client
	open *run // guarded by mu
	// origin renews the signatures of what was stored here.
	origin *origin
}

// add puts the end of a file into the open pack. A pack is stored when the
// next file does not fit into it.
func (p *packer) add(ctx context.Context, data []byte) (span, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open != nil && p.open.size()+int64(len(data)) > keep.MaxBlock {
		if err := p.open.pack.store(ctx, p.keep); err != nil {
			return span{}, err
		}
		p.open = nil
	}
	if p.open == nil {
		p.open = &run{pack: &pack{}, origin: p.origin}
	}
	at := p.open.pack.add(data)
	return span{p.open, at, int64(len(data))}, nil
}

// flush stores the open pack.
func (p *packer) flush(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		return nil
	}
	if err := p.open.pack.store(ctx, p.keep); err != nil {
		return err
	}
	p.open = nil
	return nil
}
