// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Mount is a volume and what it is used for.
type Mount struct {
	// UUID has 27 characters, zzzzz-nyw5e-….
	UUID     string
	Volume   volume.Volume
	ReadOnly bool
	// Replication is how many copies the volume keeps by itself.
	Replication int
	// Classes are its storage classes, at least one.
	Classes []string
	// Priority comes before the order of the block: higher is asked first.
	Priority int
}

// Memory lends memory for blocks.
type Memory interface {
	// Take waits for size bytes. The caller calls release once if there is no
	// error.
	Take(ctx context.Context, size int) (buf []byte, release func(), err error)
}

// Fetcher reads blocks from other Keep servers.
type Fetcher interface {
	// Fetch reads the block that hash and size name into buf, which has that
	// size. Its bytes are not checked.
	Fetch(ctx context.Context, server string, l locator.Locator, buf []byte) error
}

// Options do not change while a store is open.
type Options struct {
	Mounts []Mount
	Memory Memory
	// Incoming is for blocks that others send, at their own speed; nil means
	// Memory.
	Incoming Memory
	Log      *slog.Logger
	// Observe hears of each operation on a volume, if not nil.
	Observe func(Event)
	// EmptyEvery is the time between two looks at the trash; one hour if zero.
	EmptyEvery time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Policy may change while a store is open.
type Policy struct {
	// Trash allows to take blocks away.
	Trash bool
	// MinAge is how long nobody must have written or touched a block before it
	// is taken away: the life time of permission signatures.
	MinAge time.Duration
	// Fetcher serves pull lists. Without one, they are ignored.
	Fetcher Fetcher
}

// Event is one operation on one volume.
type Event struct {
	Mount, Op string
	// Result is "ok" or the word of the error.
	Result string
	Bytes  int64
	Took   time.Duration
}

// Store is a set of mounts with the work that goes on in them. Its methods
// are safe for concurrent use.
type Store struct {
	options Options
	policy  atomic.Pointer[Policy]
	pulls   *queue[pull]
	trashes *queue[trash]
	stop    context.CancelFunc
	workers sync.WaitGroup
}

// Open starts the workers. The store owns the volumes from now on.
func Open(o Options, p Policy) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.EmptyEvery == 0 {
		o.EmptyEvery = time.Hour
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Incoming == nil {
		o.Incoming = o.Memory
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Store{options: o, pulls: newQueue[pull](), trashes: newQueue[trash](), stop: cancel}
	s.policy.Store(&p)
	s.work(ctx)
	return s
}

// SetPolicy replaces the policy.
func (s *Store) SetPolicy(p Policy) { s.policy.Store(&p) }

// Stop ends the workers and waits for them. Blocks can still be read and
// written.
func (s *Store) Stop() {
	s.stop()
	s.workers.Wait()
}

// Close stops the workers and closes the volumes.
func (s *Store) Close() error {
	s.Stop()
	var errs []error
	for _, m := range s.options.Mounts {
		errs = append(errs, m.Volume.Close())
	}
	return errors.Join(errs...)
}

// Mounts lists the mounts. The volumes are for looking at only.
func (s *Store) Mounts() []Mount { return slices.Clone(s.options.Mounts) }

// Buffer lends memory for a block that is to be put.
func (s *Store) Buffer(ctx context.Context, size int) (buf []byte, release func(), err error) {
	return s.options.Incoming.Take(ctx, size)
}

func (s *Store) mount(uuid string) (*Mount, error) {
	for i := range s.options.Mounts {
		if m := &s.options.Mounts[i]; m.UUID == uuid {
			return m, nil
		}
	}
	return nil, &Error{Kind: NoMount, Text: "this server has no mount of this UUID: ask for /mounts again"}
}

// writable returns the mounts that take blocks in, in the order of the block.
func (s *Store) writable(hash locator.Hash) []*Mount {
	return slices.DeleteFunc(s.order(hash), func(m *Mount) bool { return m.ReadOnly })
}

// observe reports an operation. It returns err, for short callers.
func (s *Store) observe(m *Mount, op string, begin time.Time, bytes int64, err error) error {
	e := Event{Mount: m.UUID, Op: op, Result: "ok", Bytes: bytes, Took: time.Since(begin)}
	if err != nil {
		e.Result = "internal"
		if known := new(volume.Error); errors.As(err, &known) {
			e.Result = known.Word()
		}
	}
	s.options.Observe(e)
	if volume.IsKind(err, volume.VolumeError) { // the next mount may hide it from the caller
		s.options.Log.Warn("a volume fails", "mount", m.UUID, "op", op, "cause", errors.Unwrap(err))
	}
	return err
}
