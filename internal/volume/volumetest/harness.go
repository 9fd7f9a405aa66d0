// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package volumetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Lifetime is how long the volumes of a harness keep trash.
const Lifetime = time.Hour

// Harness is a driver under test. All fields are required.
type Harness struct {
	// Volume is empty, and keeps trash for Lifetime by the Clock.
	Volume volume.Volume
	// ReadOnly is the same storage, read-only.
	ReadOnly volume.Volume
	// Clock is what both volumes have for a clock.
	Clock *Clock
	// Seen holds what both volumes reported.
	Seen *Seen
	// Damage replaces the stored bytes of a block behind the volume's back.
	Damage func(t *testing.T, hash locator.Hash, change func([]byte) []byte)
	// Settle returns when the storage would give a later time than before.
	Settle func()
}

// Run runs all rows, each on a volume of its own.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, name := range slices.Sorted(maps.Keys(rows())) {
		t.Run(name, func(t *testing.T) { rows()[name](&suite{T: t, Harness: open(t), buf: make([]byte, volume.MaxSize)}) })
	}
}

func rows() map[string]func(*suite) {
	return map[string]func(*suite){
		"sizes": sizes, "missing": missing, "bad-names": badNames, "small-buffer": smallBuffer,
		"damage": damage, "collision": collision, "damage-then-put": damageThenPut, "damage-read-only": damageReadOnly,
		"put-again": putAgain, "touch": touch, "put-at-once": putAtOnce, "everything-at-once": everythingAtOnce,
		"trash": trash, "trash-young": trashYoung, "trash-then-put": trashThenPut, "empty-trash": emptyTrash,
		"index": index, "index-while-writing": indexWhileWriting, "index-ends-early": indexEndsEarly,
		"canceled": canceled, "read-only": readOnly, "describe": describe,
	}
}

// Clock is a clock that runs ahead of the real one.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Advance puts the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Seen collects events.
type Seen struct {
	mu     sync.Mutex
	events []volume.Event
}

// Observe is for the options of a volume.
func (s *Seen) Observe(e volume.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// Events returns what was collected so far.
func (s *Seen) Events() []volume.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// suite is one row at work.
type suite struct {
	*testing.T
	Harness
	buf []byte
}

// Data returns n bytes that no other call returns.
func Data(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.Read(data) // never fails
	return data
}

// Block makes a block of data.
func Block(t testing.TB, data []byte) volume.Block {
	t.Helper()
	b, err := volume.NewBlock(volume.Sum(data), data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put stores new data of n bytes.
func (s *suite) put(n int) volume.Block {
	s.Helper()
	b := Block(s, Data(n))
	s.must(s.Volume.Put(context.Background(), b))
	return b
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("%v (%v)", err, cause(err))
	}
}

func cause(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

// has checks that the block reads right, and its Stat.
func (s *suite) has(b volume.Block) {
	s.Helper()
	s.reads(s.Volume, b, s.buf)
	info, err := s.Volume.Stat(context.Background(), b.Hash())
	if err != nil || info.Size != int64(len(b.Data())) || info.Hash != b.Hash() {
		s.Errorf("stat: %+v, %v", info, err)
	}
}

func (s *suite) reads(v volume.Reader, b volume.Block, buf []byte) {
	s.Helper()
	n, err := v.Get(context.Background(), b.Hash(), buf)
	if err != nil || !bytes.Equal(buf[:n], b.Data()) {
		s.Errorf("read %d bytes (right: %v), error %v (%v)", n, bytes.Equal(buf[:n], b.Data()), err, cause(err))
	}
}

// lacks checks that the block is missing by all that can be asked.
func (s *suite) lacks(hash locator.Hash) {
	s.Helper()
	ctx := context.Background()
	_, err := s.Volume.Get(ctx, hash, s.buf)
	s.kind(err, volume.BlockNotFound)
	_, err = s.Volume.Stat(ctx, hash)
	s.kind(err, volume.BlockNotFound)
	s.kind(s.Volume.Touch(ctx, hash), volume.BlockNotFound)
	if len(s.list(string(hash))) != 0 {
		s.Error("the index has it")
	}
}

// kind checks the kind of an error.
func (s *suite) kind(err error, k volume.Kind) {
	s.Helper()
	if !volume.IsKind(err, k) || err.Error() == "" {
		s.Errorf("got error %v (%v) in place of kind %s", err, cause(err), k)
	}
}

// list returns the index, and checks that nothing is in it twice.
func (s *suite) list(prefix string) map[locator.Hash]volume.Info {
	s.Helper()
	all := make(map[locator.Hash]volume.Info)
	s.must(s.Volume.Index(context.Background(), prefix, func(i volume.Info) error {
		if _, ok := all[i.Hash]; ok {
			s.Errorf("%s is in the index twice", i.Hash)
		}
		all[i.Hash] = i
		return nil
	}))
	return all
}
