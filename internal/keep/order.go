// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"cmp"
	"slices"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// order returns all mounts in the order in which they are asked for a block:
// by priority, the highest first, and then by weight, the lowest first.
func (s *Store) order(hash locator.Hash) []*Mount {
	type weighed struct {
		mount  *Mount
		weight string
	}
	list := make([]weighed, len(s.options.Mounts))
	for i := range s.options.Mounts {
		m := &s.options.Mounts[i]
		list[i] = weighed{m, volume.Weight(hash, m.UUID)}
	}
	slices.SortFunc(list, func(a, b weighed) int {
		return cmp.Or(cmp.Compare(b.mount.Priority, a.mount.Priority), cmp.Compare(a.weight, b.weight))
	})
	out := make([]*Mount, len(list))
	for i, w := range list {
		out[i] = w.mount
	}
	return out
}
