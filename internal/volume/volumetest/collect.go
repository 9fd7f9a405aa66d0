// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package volumetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// discard puts a block into the trash, whatever its age.
func (s *suite) discard(b volume.Block) {
	s.Helper()
	s.Settle()
	done, err := s.Volume.Trash(context.Background(), b.Hash(), s.Clock.Now().Add(time.Hour))
	if err != nil || !done {
		s.Fatalf("trash: %v, %v (%v)", done, err, cause(err))
	}
}

func trash(s *suite) {
	b, other := s.put(100), s.put(100)
	for range 2 {
		before, err := s.Volume.Stat(context.Background(), b.Hash())
		s.must(err)
		s.discard(b)
		s.lacks(b.Hash())
		s.has(other)
		s.must(s.Volume.Untrash(context.Background(), b.Hash()))
		s.has(b)
		if after, err := s.Volume.Stat(context.Background(), b.Hash()); err != nil || !after.Modified.After(before.Modified) {
			s.Errorf("it came back with the time %v, error %v", after.Modified, err)
		}
	}
}

// trashYoung: a block that is younger than told stays. A block of exactly the
// time told goes.
func trashYoung(s *suite) {
	b := s.put(100)
	info, err := s.Volume.Stat(context.Background(), b.Hash())
	s.must(err)
	s.Settle()
	done, err := s.Volume.Trash(context.Background(), b.Hash(), info.Modified.Add(-time.Nanosecond))
	if done || err != nil {
		s.Errorf("trash: %v, %v", done, err)
	}
	s.has(b)
	done, err = s.Volume.Trash(context.Background(), b.Hash(), info.Modified)
	if !done || err != nil {
		s.Errorf("trash: %v, %v", done, err)
	}
	s.lacks(b.Hash())
}

// trashThenPut: a block that comes again lives, whatever becomes of its trash.
func trashThenPut(s *suite) {
	b := s.put(100)
	s.discard(b)
	s.must(s.Volume.Put(context.Background(), b))
	s.has(b)
	s.Clock.Advance(3 * Lifetime)
	_, err := s.Volume.EmptyTrash(context.Background())
	s.must(err)
	s.has(b)
	s.must(s.Volume.Put(context.Background(), b))
	s.must(s.Volume.Touch(context.Background(), b.Hash()))
}

func emptyTrash(s *suite) {
	kept, gone := s.put(10), s.put(100)
	s.discard(gone)
	want := volume.Emptied{KeptBlocks: 1, KeptBytes: 100}
	s.empties(want)
	s.must(s.Volume.Untrash(context.Background(), gone.Hash()))
	s.discard(gone)
	s.Clock.Advance(Lifetime / 2)
	s.empties(want)
	s.Clock.Advance(Lifetime)
	s.empties(volume.Emptied{Blocks: 1, Bytes: 100})
	s.empties(volume.Emptied{})
	s.kind(s.Volume.Untrash(context.Background(), gone.Hash()), volume.BlockNotFound)
	s.lacks(gone.Hash())
	s.has(kept)
}

func (s *suite) empties(want volume.Emptied) {
	s.Helper()
	if got, err := s.Volume.EmptyTrash(context.Background()); err != nil || got != want {
		s.Errorf("emptied %+v in place of %+v, error %v (%v)", got, want, err, cause(err))
	}
}

func index(s *suite) {
	if got := s.list(""); len(got) != 0 {
		s.Errorf("a new volume lists %v", got)
	}
	blocks := make(map[locator.Hash]volume.Block)
	for i := range 40 {
		b := s.put(i)
		blocks[b.Hash()] = b
	}
	for hash := range blocks {
		for _, n := range []int{0, 1, 2, 3, 4, 10, 32} {
			s.listsExactly(string(hash[:n]), blocks)
		}
		if n := len(s.list(other(string(hash)))); n != 0 {
			s.Errorf("%d blocks with another hash", n)
		}
		break
	}
	line := string(volume.Info{Hash: "acbd18db4cc2f85cedef654fccc4a4d8", Size: 3, Modified: time.Unix(1, 2)}.AppendIndex(nil))
	if want := "acbd18db4cc2f85cedef654fccc4a4d8+3 1000000002\n"; line != want {
		s.Errorf("line %q", line)
	}
}

// other is hash with another last digit.
func other(hash string) string {
	if strings.HasSuffix(hash, "0") {
		return hash[:31] + "1"
	}
	return hash[:31] + "0"
}

func (s *suite) listsExactly(prefix string, blocks map[locator.Hash]volume.Block) {
	s.Helper()
	got, want := s.list(prefix), 0
	for hash, b := range blocks {
		if !strings.HasPrefix(string(hash), prefix) {
			continue
		}
		want++
		if info, ok := got[hash]; !ok || info.Size != int64(len(b.Data())) || info.Modified.IsZero() {
			s.Errorf("prefix %q: %s is listed as %+v", prefix, hash, info)
		}
	}
	if len(got) != want {
		s.Errorf("prefix %q: %d blocks in place of %d", prefix, len(got), want)
	}
}

// indexWhileWriting: what is there before an index begins is in it, though
// other blocks come and are touched.
func indexWhileWriting(s *suite) {
	var old []volume.Block
	for range 30 {
		old = append(old, s.put(50))
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var written atomic.Int32
	group.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if err := errors.Join(s.Volume.Put(context.Background(), Block(s, Data(60))), s.Volume.Touch(context.Background(), old[i%30].Hash())); err != nil {
				s.Error(err)
			}
			written.Add(1)
		}
	})
	for round := 0; round < 5 || written.Load() < 20; round++ {
		got := s.list("")
		for _, b := range old {
			if got[b.Hash()].Size != 50 {
				s.Errorf("round %d: %s is listed as %+v", round, b.Hash(), got[b.Hash()])
			}
		}
	}
	cancel()
	group.Wait()
}

func indexEndsEarly(s *suite) {
	for range 5 {
		s.put(5)
	}
	stop, calls := errors.New("stop"), 0
	err := s.Volume.Index(context.Background(), "", func(volume.Info) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		s.Errorf("%d calls, error %v", calls, err)
	}
}

// canceled: nothing starts for a caller who is gone.
func canceled(s *suite) {
	b := s.put(1000)
	fresh := Block(s, Data(1000))
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	for kind, ctx := range map[volume.Kind]context.Context{volume.Canceled: gone, volume.Deadline: late} {
		_, err := s.Volume.Get(ctx, b.Hash(), s.buf)
		s.kind(err, kind)
		s.kind(s.Volume.Put(ctx, fresh), kind)
		s.kind(s.Volume.Touch(ctx, b.Hash()), kind)
		_, err = s.Volume.Trash(ctx, b.Hash(), s.Clock.Now())
		s.kind(err, kind)
		s.kind(s.Volume.Untrash(ctx, b.Hash()), kind)
		s.kind(s.Volume.Index(ctx, "", func(volume.Info) error { return nil }), kind)
		_, err = s.Volume.Stat(ctx, b.Hash())
		s.kind(err, kind)
		_, err = s.Volume.Status(ctx)
		s.kind(err, kind)
	}
	s.has(b)
	s.lacks(fresh.Hash())
}

func readOnly(s *suite) {
	ctx, b := context.Background(), s.put(100)
	s.kind(s.ReadOnly.Put(ctx, b), volume.ReadOnly)
	s.kind(s.ReadOnly.Put(ctx, Block(s, Data(9))), volume.ReadOnly)
	s.kind(s.ReadOnly.Touch(ctx, b.Hash()), volume.ReadOnly)
	s.kind(s.ReadOnly.Untrash(ctx, b.Hash()), volume.ReadOnly)
	_, err := s.ReadOnly.Trash(ctx, b.Hash(), s.Clock.Now().Add(time.Hour))
	s.kind(err, volume.ReadOnly)
	_, err = s.ReadOnly.EmptyTrash(ctx)
	s.kind(err, volume.ReadOnly)
	s.reads(s.ReadOnly, b, s.buf)
	if n := len(s.list("")); n != 1 {
		s.Errorf("%d blocks", n)
	}
	_, err = s.ReadOnly.Get(ctx, volume.Sum(Data(3)), s.buf)
	s.kind(err, volume.BlockNotFound)
}

func describe(s *suite) {
	for want, v := range map[bool]volume.Volume{false: s.Volume, true: s.ReadOnly} {
		status, err := v.Status(context.Background())
		if err != nil || status.ReadOnly != want || status.Free == 0 {
			s.Error(fmt.Sprintf("%+v", status), err)
		}
	}
	if id := s.Volume.DeviceID(); id == "" || id != s.ReadOnly.DeviceID() {
		s.Errorf("device ids %q and %q of one device", id, s.ReadOnly.DeviceID())
	}
}
