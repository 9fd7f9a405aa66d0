// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"context"
	"sync/atomic"
)

// Tally counts S3 requests by what they are charged as. Each attempt counts,
// whatever became of it. It is safe for concurrent use.
type Tally struct{ list, head, get atomic.Int64 }

type tallyKey struct{}

// Context returns a context whose S3 requests are counted in t.
func (t *Tally) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, tallyKey{}, t)
}

// Counts returns how many requests there were up to now.
func (t *Tally) Counts() (list, head, get int64) {
	return t.list.Load(), t.head.Load(), t.get.Load()
}

// tallyOf returns the tally of a context, or nil.
func tallyOf(ctx context.Context) *Tally {
	t, _ := ctx.Value(tallyKey{}).(*Tally)
	return t
}

func (t *Tally) count(op string) {
	switch {
	case t == nil:
	case op == "list":
		t.list.Add(1)
	case op == "head":
		t.head.Add(1)
	default:
		t.get.Add(1)
	}
}
