// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package memo

import "container/list"

// shelf holds a bounded number of answers; the oldest leaves first.
type shelf[V any] struct {
	most  int
	items map[string]*list.Element
	order *list.List // of *slot[V], oldest in front
}

type slot[V any] struct {
	key    string
	answer answer[V]
}

func newShelf[V any](most int) *shelf[V] {
	return &shelf[V]{most: most, items: map[string]*list.Element{}, order: list.New()}
}

func (s *shelf[V]) get(key string) (answer[V], bool) {
	e, ok := s.items[key]
	if !ok {
		return answer[V]{}, false
	}
	return e.Value.(*slot[V]).answer, true
}

// set puts a new answer at the end, or changes one in its place.
func (s *shelf[V]) set(key string, a answer[V]) {
	if e, ok := s.items[key]; ok {
		e.Value.(*slot[V]).answer = a
		return
	}
	for len(s.items) >= s.most {
		s.remove(s.order.Front().Value.(*slot[V]).key)
	}
	s.items[key] = s.order.PushBack(&slot[V]{key, a})
}

func (s *shelf[V]) remove(key string) {
	if e, ok := s.items[key]; ok {
		s.order.Remove(e)
		delete(s.items, key)
	}
}
