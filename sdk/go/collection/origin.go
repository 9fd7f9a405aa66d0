// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// origin is where blocks came from: a stored collection, which the API server
// signs anew whenever it is loaded.
type origin struct {
	client *Client
	// id is a UUID or portable data hash; empty as long as nothing is stored.
	id atomic.Pointer[string]
	// fresh has the newest text of each block, by its spelling.
	fresh atomic.Pointer[map[string]string]
	mu    sync.Mutex // held while the collection is loaded
}

func newOrigin(c *Client, id string) *origin {
	o := &origin{client: c}
	if id != "" {
		o.id.Store(&id)
	}
	return o
}

// spelling is what stays of a block when it is signed anew. The identity alone
// would not do: a text may spell one in several ways, of which each must stay.
func spelling(l locator.Locator) string {
	text := l.Stripped()
	if l.Verified() {
		text += " verified"
	}
	for _, ref := range l.Refs() {
		text += " " + ref.B + " " + strconv.FormatInt(ref.C, 10)
	}
	return text
}

// newest returns the text of a block that was loaded last.
func (o *origin) newest(l locator.Locator) (locator.Locator, bool) {
	if o == nil || o.fresh.Load() == nil {
		return l, false
	}
	text, ok := (*o.fresh.Load())[spelling(l)]
	if !ok {
		return l, false
	}
	fresh, err := locator.Parse(text)
	return fresh, err == nil
}

// renew returns the block with another signature than it has, loading the
// collection once for all that wait. ok is false if there is none.
func (o *origin) renew(ctx context.Context, stale locator.Locator) (fresh locator.Locator, ok bool) {
	if o == nil || o.client == nil || o.id.Load() == nil {
		return stale, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if fresh, ok = o.newest(stale); ok && fresh != stale {
		return fresh, true
	}
	text, err := o.client.manifestText(ctx, *o.id.Load())
	if err != nil {
		return stale, false // the first error tells more
	}
	all := map[string]string{}
	for line, err := range manifest.Lines(text) {
		if err != nil {
			return stale, false
		}
		for token := range line.Tokens() {
			if l, err := locator.Parse(token); err == nil {
				all[spelling(l)] = token
			}
		}
	}
	o.fresh.Store(&all)
	fresh, ok = o.newest(stale)
	return fresh, ok && fresh != stale
}
