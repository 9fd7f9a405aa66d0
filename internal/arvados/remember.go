// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"time"

	"github.com/arvados-s3/keepstore/internal/memo"
)

// How long answers are remembered, and how many.
const (
	// Fresh is the longest time that an answer is used.
	Fresh = 60 * time.Second
	// FreshRefusal is the longest time that a refusal is used.
	FreshRefusal = 5 * time.Second
	// maxRemembered bounds the answers and, apart from them, the refusals.
	maxRemembered = 10_000
)

// remembered is a memo whose waiters get errors of this package.
type remembered[V any] struct{ *memo.Memo[V] }

func newRemembered[V any](o Options) remembered[V] {
	return remembered[V]{memo.New[V](memo.Options{
		Fresh: Fresh, FreshRefusal: FreshRefusal, Timeout: o.Timeout, Most: maxRemembered, Refusal: isRefusal, Now: o.Now,
	})}
}

func (r remembered[V]) get(ctx context.Context, key string, ask memo.Ask[V]) (V, error) {
	v, err := r.Get(ctx, key, ask)
	if err != nil && ctx.Err() != nil && err == context.Cause(ctx) {
		err = unavailable(err)
	}
	return v, err
}
