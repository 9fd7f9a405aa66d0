// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"sync"
)

// queue is a list of work that is replaced as a whole.
type queue[T any] struct {
	mu      sync.Mutex
	list    []T           // guarded by mu
	busy    int           // guarded by mu
	changed chan struct{} // guarded by mu; closed when there is a new list
}

func newQueue[T any]() *queue[T] { return &queue[T]{changed: make(chan struct{})} }

// replace drops what nobody has begun.
func (q *queue[T]) replace(list []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = list
	close(q.changed)
	q.changed = make(chan struct{})
}

// run works on the list until ctx ends.
func (q *queue[T]) run(ctx context.Context, work func(context.Context, T)) {
	for ctx.Err() == nil {
		item, ok, changed := q.next()
		if ok {
			work(ctx, item)
			q.done()
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (q *queue[T]) next() (item T, ok bool, changed chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return item, false, q.changed
	}
	item, q.list = q.list[0], q.list[1:]
	q.busy++
	return item, true, q.changed
}

func (q *queue[T]) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy--
}

func (q *queue[T]) length() (pending, busy int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.list), q.busy
}
