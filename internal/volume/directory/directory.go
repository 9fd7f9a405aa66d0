// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"cmp"
	"context"
	"os"
	"sync"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Options are the settings of a volume.
type Options struct {
	// Root must exist.
	Root string
	// ReadOnly makes every method that changes something refuse.
	ReadOnly bool
	// Reserve is how many bytes are kept free: 64 MiB if zero, none if
	// negative.
	Reserve int64
	// MaxIO is how many operations may use the disk at once: 1 for a single
	// spindle, no limit if zero.
	MaxIO int
	// NoFlock leaves flock out, for file systems without it. Then only one
	// process may use the directory.
	NoFlock bool
	// TrashLifetime is how long trash is kept; if zero, Trash deletes.
	TrashLifetime time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Observe hears of blocks that were set aside, if not nil.
	Observe func(volume.Event)
}

func (o Options) withDefaults() Options {
	o.Reserve = max(0, cmp.Or(o.Reserve, volume.MaxSize))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(volume.Event) {}
	}
	return o
}

// Volume is a directory of blocks.
type Volume struct {
	options Options
	root    *os.Root
	id      string
	locks   volume.Locks
	gate    volume.Gate
	// durable holds the folders whose entry in the root was synced.
	durable sync.Map
}

// Assert that Volume is one.
var _ volume.Volume = (*Volume)(nil)

// Open opens a directory that exists.
func Open(o Options) (*Volume, error) {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, &volume.Error{Kind: volume.VolumeError, Err: err,
			Text: "the root of a directory volume cannot be opened: make the directory, or mount the disk, and let this program read it"}
	}
	v := &Volume{options: o.withDefaults(), root: root, gate: volume.NewGate(o.MaxIO)}
	if v.id, err = v.deviceID(); err != nil {
		_ = root.Close() // nothing was written through it
		return nil, &volume.Error{Kind: volume.VolumeError, Err: err,
			Text: "the identity of a directory volume cannot be read or made: let this program write to its root, or make the volume read-only"}
	}
	return v, nil
}

// Close gives the handle of the root back.
func (v *Volume) Close() error { return v.root.Close() }

// DeviceID is a random name that is kept in the root.
func (v *Volume) DeviceID() string { return v.id }

func folder(hash locator.Hash) string { return string(hash[:3]) }

func path(hash locator.Hash) string { return folder(hash) + "/" + string(hash) }

// enter checks the hash and takes its lock and a place at the gate. It is the
// first thing that everything does that changes a block.
func (v *Volume) enter(ctx context.Context, hash locator.Hash) (leave func(), err error) {
	if err := volume.CheckHash(hash); err != nil {
		return nil, err
	}
	if v.options.ReadOnly {
		return nil, volume.Fail(volume.ReadOnly, hash, nil)
	}
	return v.enterAnyway(ctx, hash)
}

// enterAnyway is enter for read-only volumes too.
func (v *Volume) enterAnyway(ctx context.Context, hash locator.Hash) (leave func(), err error) {
	unlock, err := v.locks.Lock(ctx, hash)
	if err != nil {
		return nil, err
	}
	out, err := v.gate.Enter(ctx, hash)
	if err != nil {
		unlock()
		return nil, err
	}
	return func() {
		out()
		unlock()
	}, nil
}
