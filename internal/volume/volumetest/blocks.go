// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package volumetest

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

func sizes(s *suite) {
	for _, n := range []int{0, 1, 4096, volume.MaxSize} {
		s.has(s.put(n))
	}
	data := make([]byte, volume.MaxSize+1)
	_, err := volume.NewBlock(volume.Sum(data), data)
	s.kind(err, volume.TooLarge)
	_, err = volume.NewBlock(volume.Sum(data), []byte("other"))
	s.kind(err, volume.WrongHash)
}

func missing(s *suite) {
	hash := volume.Sum(Data(8))
	s.lacks(hash)
	s.kind(s.Volume.Untrash(context.Background(), hash), volume.BlockNotFound)
	_, err := s.Volume.Trash(context.Background(), hash, time.Now())
	s.kind(err, volume.BlockNotFound)
}

func badNames(s *suite) {
	ctx := context.Background()
	for _, hash := range []string{"", "abc", "../../../../../../../etc/passwd/", "ACBD18DB4CC2F85CEDEF654FCCC4A4D8",
		"acbd18db4cc2f85cedef654fccc4a4d8.trash.1", "acb/acbd18db4cc2f85cedef654fccc4"} {
		h := locator.Hash(hash)
		_, err := s.Volume.Get(ctx, h, s.buf)
		s.kind(err, volume.BadLocator)
		_, err = s.Volume.Stat(ctx, h)
		s.kind(err, volume.BadLocator)
		s.kind(s.Volume.Touch(ctx, h), volume.BadLocator)
		s.kind(s.Volume.Untrash(ctx, h), volume.BadLocator)
		_, err = s.Volume.Trash(ctx, h, time.Now())
		s.kind(err, volume.BadLocator)
	}
	s.kind(s.Volume.Put(ctx, volume.Block{}), volume.BadLocator)
	s.kind(s.Volume.Index(ctx, "../", func(volume.Info) error { return nil }), volume.BadLocator)
}

func smallBuffer(s *suite) {
	b := s.put(1000)
	s.reads(s.Volume, b, make([]byte, 1000))
	_, err := s.Volume.Get(context.Background(), b.Hash(), make([]byte, 999))
	s.kind(err, volume.WrongSize)
	s.has(b)
}

// flip changes one bit.
func flip(data []byte) []byte {
	data[len(data)/2] ^= 1
	return data
}

func damage(s *suite) {
	other := Data(5000)
	for name, change := range map[string]func([]byte) []byte{
		"flipped": flip,
		"cut":     func(d []byte) []byte { return d[:len(d)-1] },
		"emptied": func([]byte) []byte { return nil },
		"longer":  func(d []byte) []byte { return append(d, 0) },
		"other":   func([]byte) []byte { return other },
	} {
		for _, room := range []int{volume.MaxSize, 5000} {
			b := s.put(5000)
			before := len(s.Seen.Events())
			s.Damage(s.T, b.Hash(), change)
			n, err := s.Volume.Get(context.Background(), b.Hash(), s.buf[:room])
			if n != 0 || !volume.IsKind(err, volume.CorruptBlock) {
				s.Errorf("%s: %d bytes, error %v", name, n, err)
			}
			events := s.Seen.Events()[before:]
			if len(events) != 1 || events[0].Hash != b.Hash() || events[0].Place == "" {
				s.Errorf("%s: reported %v", name, events)
			}
			s.lacks(b.Hash())
		}
	}
}

func damageThenPut(s *suite) {
	b := s.put(5000)
	s.Damage(s.T, b.Hash(), flip)
	s.must(s.Volume.Put(context.Background(), b))
	s.has(b)
	if events := s.Seen.Events(); len(events) != 1 || events[0].Place == "" {
		s.Errorf("reported %v", events)
	}
}

func damageReadOnly(s *suite) {
	b := s.put(5000)
	s.reads(s.ReadOnly, b, s.buf)
	s.Damage(s.T, b.Hash(), flip)
	for range 2 { // it stays, and every read finds it
		_, err := s.ReadOnly.Get(context.Background(), b.Hash(), s.buf)
		s.kind(err, volume.CorruptBlock)
	}
	if events := s.Seen.Events(); len(events) != 2 || events[0].Place != "" {
		s.Errorf("reported %v", events)
	}
}

// putAgain: a second Put makes the block younger and leaves one of it.
func putAgain(s *suite) {
	b := s.put(100)
	s.younger(b, func() error { return s.Volume.Put(context.Background(), b) })
}

func touch(s *suite) {
	b := s.put(100)
	s.younger(b, func() error { return s.Volume.Touch(context.Background(), b.Hash()) })
}

// younger checks that do makes the block younger, and that Stat and Index tell
// the same time.
func (s *suite) younger(b volume.Block, do func() error) {
	s.Helper()
	before := s.list("")[b.Hash()].Modified
	s.Settle()
	s.must(do())
	after := s.list("")[b.Hash()].Modified
	if !after.After(before) {
		s.Errorf("its time was %v and is %v", before, after)
	}
	if info, err := s.Volume.Stat(context.Background(), b.Hash()); err != nil || !info.Modified.Equal(after) {
		s.Errorf("stat: %v, index: %v, error %v", info.Modified, after, err)
	}
	s.has(b)
}

// putAtOnce: the same block from many at once.
func putAtOnce(s *suite) {
	b := Block(s, Data(300_000))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := s.Volume.Put(context.Background(), b); err != nil {
				s.Errorf("put: %v (%v)", err, cause(err))
			}
		})
	}
	group.Wait()
	s.has(b)
	if list := s.list(""); len(list) != 1 {
		s.Errorf("index: %v", list)
	}
}

// everythingAtOnce: while all operations run on the same blocks, a read gives
// the right bytes or says that the block is missing, and in the end a Put
// brings each block back.
func everythingAtOnce(s *suite) {
	blocks := []volume.Block{Block(s, Data(10_000)), Block(s, Data(10_000)), Block(s, Data(10_000))}
	ctx := context.Background()
	do := []func(volume.Block) error{
		func(b volume.Block) error { return s.Volume.Put(ctx, b) },
		func(b volume.Block) error { return s.Volume.Touch(ctx, b.Hash()) },
		func(b volume.Block) error { return s.Volume.Untrash(ctx, b.Hash()) },
		func(b volume.Block) error { _, err := s.Volume.EmptyTrash(ctx); return err },
		func(b volume.Block) error { return s.Volume.Index(ctx, "", func(volume.Info) error { return nil }) },
		func(b volume.Block) error {
			_, err := s.Volume.Trash(ctx, b.Hash(), s.Clock.Now().Add(time.Hour))
			return err
		},
		func(b volume.Block) error {
			buf := make([]byte, 10_000)
			n, err := s.Volume.Get(ctx, b.Hash(), buf)
			if err == nil && !bytes.Equal(buf[:n], b.Data()) {
				s.Error("wrong bytes")
			}
			return err
		},
	}
	var group sync.WaitGroup
	for i := range 2 * len(do) {
		group.Go(func() {
			for round := range 8 {
				err := do[i%len(do)](blocks[(i+round)%len(blocks)])
				if err != nil && !volume.IsKind(err, volume.BlockNotFound) {
					s.Errorf("operation %d: %v (%v)", i%len(do), err, cause(err))
				}
			}
		})
	}
	group.Wait()
	for _, b := range blocks {
		s.must(s.Volume.Put(ctx, b))
		s.has(b)
	}
	if events := s.Seen.Events(); len(events) != 0 {
		s.Errorf("reported %v", events)
	}
}
