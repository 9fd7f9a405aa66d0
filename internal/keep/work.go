// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"errors"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
)

// How many entries of each list are worked on at once, and how long one pull
// from one server may take.
const (
	pullers     = 4
	trashers    = 4
	pullTimeout = 5 * time.Minute
)

func (s *Store) work(ctx context.Context) {
	for range pullers {
		s.workers.Go(func() { s.pulls.run(ctx, s.pull) })
	}
	for range trashers {
		s.workers.Go(func() { s.trashes.run(ctx, s.trashEntry) })
	}
	s.workers.Go(func() { s.emptyTrash(ctx) })
}

// pull copies one block from the first server that gives its bytes.
func (s *Store) pull(ctx context.Context, e pull) {
	log := s.options.Log.With("block", string(e.block.Hash()), "mount", e.mount)
	fetcher := s.policy.Load().Fetcher
	if fetcher == nil {
		log.Warn("pull ignored: it needs system_root_token")
		return
	}
	var to *Mount
	if e.mount != "" {
		m, err := s.mount(e.mount)
		if err != nil || m.ReadOnly {
			log.Warn("pull ignored: there is no such mount, or it is read-only")
			return
		}
		to = m
	}
	if err := s.pullTo(ctx, fetcher, e, to); err != nil && ctx.Err() == nil {
		log.Warn("pull failed", "error", err.Error())
	}
}

func (s *Store) pullTo(ctx context.Context, fetcher Fetcher, e pull, to *Mount) error {
	buf, release, err := s.options.Incoming.Take(ctx, int(e.block.Size()))
	if err != nil {
		return err
	}
	defer release()
	block, err := fetch(ctx, fetcher, e, buf)
	switch {
	case err != nil:
		return err
	case to != nil:
		return s.putOn(ctx, to, block)
	}
	_, err = s.Put(ctx, block, nil)
	return err
}

func fetch(ctx context.Context, fetcher Fetcher, e pull, buf []byte) (volume.Block, error) {
	errs := []error{errors.New("no server has given the block")}
	for _, server := range e.servers {
		limited, cancel := context.WithTimeout(ctx, pullTimeout)
		err := fetcher.Fetch(limited, server, e.block, buf)
		cancel()
		if err == nil {
			block, wrong := volume.NewBlock(e.block.Hash(), buf)
			if wrong == nil {
				return block, nil
			}
			err = wrong
		}
		errs = append(errs, err)
	}
	return volume.Block{}, errors.Join(errs...)
}

// trashEntry takes away the copies that an entry of the trash list means, if
// they are still as keep-balance saw them and old enough.
func (s *Store) trashEntry(ctx context.Context, e trash) {
	log := s.options.Log.With("block", string(e.hash), "mount", e.mount)
	p := s.policy.Load()
	if !p.Trash {
		log.Warn("trash entry ignored: blob_trash is off")
		return
	}
	if e.mtime.After(s.options.Now().Add(-p.MinAge)) {
		log.Warn("trash entry ignored: the block is younger than a permission signature may be")
		return
	}
	for _, m := range s.writable(e.hash) {
		if e.mount != "" && e.mount != m.UUID || ctx.Err() != nil {
			continue
		}
		if err := s.trashExact(ctx, m, e); err != nil && !volume.IsKind(err, volume.BlockNotFound) {
			log.Warn("trash entry failed", "error", err.Error())
		}
	}
}

// trashExact leaves a copy of another time alone, also when it gets that time
// just now: Trash moves nothing that is younger than the entry says.
func (s *Store) trashExact(ctx context.Context, m *Mount, e trash) error {
	info, err := m.Volume.Stat(ctx, e.hash)
	if err != nil || !info.Modified.Equal(e.mtime) {
		return err
	}
	begin := time.Now()
	_, err = m.Volume.Trash(ctx, e.hash, e.mtime)
	return s.observe(m, "trash", begin, 0, err)
}

// emptyTrash deletes what has been in the trash for its life time, now and
// then.
func (s *Store) emptyTrash(ctx context.Context) {
	ticker := time.NewTicker(s.options.EmptyEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		for i := range s.options.Mounts {
			if m := &s.options.Mounts[i]; !m.ReadOnly && ctx.Err() == nil {
				s.emptyMount(ctx, m)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

func (s *Store) emptyMount(ctx context.Context, m *Mount) {
	begin := time.Now()
	done, err := m.Volume.EmptyTrash(ctx)
	_ = s.observe(m, "empty-trash", begin, done.Bytes, err) // the same err
	if err != nil && ctx.Err() == nil {
		s.options.Log.Warn("the trash could not be emptied", "mount", m.UUID, "error", err.Error())
	}
	if done.Blocks > 0 {
		s.options.Log.Info("trash emptied", "mount", m.UUID, "blocks", done.Blocks, "bytes", done.Bytes,
			"kept_blocks", done.KeptBlocks, "kept_bytes", done.KeptBytes)
	}
}
