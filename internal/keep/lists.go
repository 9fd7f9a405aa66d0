// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"fmt"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// PullEntry asks for a copy of a block that other servers have.
type PullEntry struct {
	Locator string   `json:"locator"`
	Servers []string `json:"servers"`
	// MountUUID says where to store it; empty for anywhere.
	MountUUID string `json:"mount_uuid"`
}

// TrashEntry asks to take away the copies of a block that have exactly this
// time, in nanoseconds as in an index.
type TrashEntry struct {
	Locator    string `json:"locator"`
	BlockMtime int64  `json:"block_mtime"`
	// MountUUID says on which mount; empty for all.
	MountUUID string `json:"mount_uuid"`
}

// pull and trash are entries that were understood.
type pull struct {
	block   locator.Locator
	servers []string
	mount   string
}

type trash struct {
	hash  locator.Hash
	mtime time.Time
	mount string
}

// SetPulls replaces the pull list.
func (s *Store) SetPulls(entries []PullEntry) error {
	list := make([]pull, 0, len(entries))
	for i, e := range entries {
		l, err := locator.Parse(e.Locator)
		if err == nil {
			l, err = locator.New(l.Hash(), l.Size()) // no hints
		}
		if err != nil || l.Size() > volume.MaxSize {
			return badEntry(i, "a pull list needs locators with the size of a block: the keep-balance that sent it may be too old")
		}
		list = append(list, pull{l, e.Servers, e.MountUUID})
	}
	s.pulls.replace(list)
	return nil
}

// SetTrash replaces the trash list.
func (s *Store) SetTrash(entries []TrashEntry) error {
	list := make([]trash, 0, len(entries))
	for i, e := range entries {
		hash, _, _ := strings.Cut(e.Locator, "+")
		if volume.CheckHash(locator.Hash(hash)) != nil {
			return badEntry(i, "it names no block")
		}
		list = append(list, trash{locator.Hash(hash), time.Unix(0, e.BlockMtime), e.MountUUID})
	}
	s.trashes.replace(list)
	return nil
}

func badEntry(i int, text string) error {
	return &Error{Kind: BadList, Text: fmt.Sprintf("entry %d of the list is refused, and the list with it: %s", i, text)}
}

// Queues says how long the lists of work are.
type Queues struct {
	PullPending, PullBusy, TrashPending, TrashBusy int
}

// Queues returns the lengths of the lists.
func (s *Store) Queues() Queues {
	var q Queues
	q.PullPending, q.PullBusy = s.pulls.length()
	q.TrashPending, q.TrashBusy = s.trashes.length()
	return q
}
