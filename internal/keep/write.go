// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// DefaultClass is the storage class of volumes and writes that name none.
const DefaultClass = "default"

// Stored says where a block is now.
type Stored struct {
	// Replicas counts copies, with those that volumes keep by themselves.
	Replicas int
	// Classes counts them by storage class.
	Classes map[string]int
}

// Put stores a block until each of the storage classes has a copy. No classes
// stand for the default one, or for any where no mount has that. As with other
// Keep servers it is a success to satisfy some of the classes: the caller
// reads in the result which.
func (s *Store) Put(ctx context.Context, b volume.Block, classes []string) (Stored, error) {
	p := newProgress(s.wanted(classes))
	mounts := s.writable(b.Hash())
	if len(mounts) > 1 {
		for _, m := range mounts { // a copy that is there costs no space
			if p.wants(m) && s.holds(ctx, m, b.Hash()) {
				p.note(m, s.putOn(ctx, m, b))
			}
		}
	}
	for _, m := range mounts {
		if p.wants(m) && ctx.Err() == nil {
			p.note(m, s.putOn(ctx, m, b))
		}
	}
	return p.result(ctx, b.Hash())
}

func (s *Store) holds(ctx context.Context, m *Mount, hash locator.Hash) bool {
	_, err := m.Volume.Stat(ctx, hash)
	return err == nil
}

func (s *Store) putOn(ctx context.Context, m *Mount, b volume.Block) error {
	begin := time.Now()
	err := m.Volume.Put(ctx, b)
	return s.observe(m, "put", begin, int64(len(b.Data())), err)
}

func (s *Store) wanted(classes []string) []string {
	if len(classes) > 0 {
		return classes
	}
	for _, m := range s.options.Mounts {
		if slices.Contains(m.Classes, DefaultClass) {
			return []string{DefaultClass}
		}
	}
	return nil
}

// progress is the state of one write.
type progress struct {
	asked  []string
	todo   map[string]bool // classes without a copy
	tried  map[*Mount]bool
	stored Stored
	failed error // the first failure other than a full disk
}

func newProgress(classes []string) *progress {
	p := &progress{asked: classes, todo: map[string]bool{}, tried: map[*Mount]bool{}, stored: Stored{Classes: map[string]int{}}}
	for _, c := range classes {
		p.todo[c] = true
	}
	return p
}

func (p *progress) done() bool { return len(p.todo) == 0 && p.stored.Replicas > 0 }

// wants reports whether a copy on m would help.
func (p *progress) wants(m *Mount) bool {
	if p.done() || volume.IsKind(p.failed, volume.WrongHash) || p.tried[m] {
		return false
	}
	return len(p.todo) == 0 || slices.ContainsFunc(m.Classes, func(c string) bool { return p.todo[c] })
}

func (p *progress) note(m *Mount, err error) {
	p.tried[m] = true
	if err != nil {
		if volume.IsKind(err, volume.WrongHash) {
			p.failed = err // other bytes of this name are there: these go nowhere
		} else if p.failed == nil && !volume.IsKind(err, volume.VolumeFull) && !volume.IsKind(err, volume.ReadOnly) {
			p.failed = err
		}
		return
	}
	p.stored.Replicas += m.Replication
	for _, c := range m.Classes {
		p.stored.Classes[c] += m.Replication
		delete(p.todo, c)
	}
}

func (p *progress) result(ctx context.Context, hash locator.Hash) (Stored, error) {
	switch {
	case p.done():
		return p.stored, nil
	case ctx.Err() != nil:
		return Stored{}, volume.Ended(ctx, hash)
	case p.stored.Replicas > 0 && !volume.IsKind(p.failed, volume.WrongHash):
		return p.stored, nil
	case p.failed != nil:
		return Stored{}, p.failed
	case len(p.tried) == 0 && len(p.asked) > 0:
		return Stored{}, &volume.Error{Kind: volume.VolumeFull, Hash: hash, Text: fmt.Sprintf(
			"no volume of this server takes blocks of storage class %s: use another Keep service, or another class", strings.Join(p.asked, " or "))}
	}
	return Stored{}, volume.Fail(volume.VolumeFull, hash, nil)
}
