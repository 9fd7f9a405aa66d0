// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/internal/volume"
)

// failing is a volume whose writes fail with one kind of error.
type failing struct {
	volume.Volume
	kind volume.Kind
}

func (f failing) Put(_ context.Context, b volume.Block) error {
	return volume.Fail(f.kind, b.Hash(), nil)
}

func fails(k volume.Kind) func(*keep.Mount) {
	return func(m *keep.Mount) { m.Volume = failing{m.Volume, k} }
}

func TestGetAsksTheNextMount(t *testing.T) {
	ctx := context.Background()
	r := open(t, plain, readOnly, plain)
	for i := range 3 {
		b := block(t, 1000)
		r.place(i, b)
		r.reads(b)
	}
	b := block(t, 1000)
	for i := range 3 {
		r.place(i, b)
	}
	for i := range 3 {
		r.reads(b) // from what is left
		r.spoil(i, b.Hash())
	}
	_, err := r.Get(ctx, b.Hash(), 1000)
	kind(t, err, volume.CorruptBlock)
	_, err = r.Get(ctx, b.Hash(), 1000) // all were set aside
	kind(t, err, volume.BlockNotFound)
}

func TestGetSizes(t *testing.T) {
	ctx := context.Background()
	r := open(t, plain)
	b := block(t, 1000)
	r.place(0, b)
	for _, size := range []int64{0, 999, 1001, volume.MaxSize, volume.MaxSize + 1} {
		_, err := r.Get(ctx, b.Hash(), size)
		kind(t, err, volume.WrongSize)
	}
	r.reads(b)
	data, err := r.Get(ctx, b.Hash(), -1)
	if err != nil || len(data.Bytes) != 1000 {
		t.Fatal(err)
	}
	data.Release()
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.Get(canceled, b.Hash(), 1000); err == nil {
		t.Error("read with a context that has ended")
	}
}

// TestPutOncePerClass: rows say on how many mounts a block lies, and what the
// answer says.
func TestPutOncePerClass(t *testing.T) {
	twice := func(m *keep.Mount) { m.Replication = 2; m.Classes = []string{"safe"} }
	mounts := []func(*keep.Mount){classes("default", "fast"), classes("fast"), twice, readOnly}
	for _, row := range []struct {
		ask    []string
		copies int
		want   keep.Stored
	}{
		{nil, 1, keep.Stored{Replicas: 1, Classes: map[string]int{"default": 1, "fast": 1}}},
		{[]string{"default", "fast"}, 1, keep.Stored{Replicas: 1, Classes: map[string]int{"default": 1, "fast": 1}}},
		{[]string{"safe"}, 1, keep.Stored{Replicas: 2, Classes: map[string]int{"safe": 2}}},
		{[]string{"safe", "default"}, 2, keep.Stored{Replicas: 3, Classes: map[string]int{"default": 1, "fast": 1, "safe": 2}}},
		{[]string{"safe", "nosuch"}, 1, keep.Stored{Replicas: 2, Classes: map[string]int{"safe": 2}}},
	} {
		r := open(t, mounts...)
		b := block(t, 100)
		got := r.put(b, row.ask...)
		if slices.Equal(row.ask, []string{"default", "fast"}) && len(r.on(b.Hash())) == 2 {
			continue // the mount that has only one of the two came first
		}
		if diff := cmp.Diff(row.want, got); diff != "" || len(r.on(b.Hash())) != row.copies {
			t.Errorf("%v: on %v\n%s", row.ask, r.on(b.Hash()), diff)
		}
		r.reads(b)
	}
	r := open(t, mounts...)
	_, err := r.Put(context.Background(), block(t, 10), []string{"nosuch"})
	kind(t, err, volume.VolumeFull)
}

// TestPutAgain: a block that is on a mount which is not its first gets no
// second copy, and its time is refreshed.
func TestPutAgain(t *testing.T) {
	r := open(t, plain, plain, plain, plain)
	for i := range 4 {
		b := block(t, 100)
		r.place(i, b)
		old := r.age(i, b.Hash(), 2*minAge)
		r.put(b)
		info, err := r.mounts[i].Volume.Stat(context.Background(), b.Hash())
		if got := r.on(b.Hash()); !slices.Equal(got, []int{i}) || err != nil || !info.Modified.After(old) {
			t.Errorf("the block of mount %d is on %v, its time %v, before %v", i, got, info.Modified, old)
		}
	}
}

func TestPutAroundFailures(t *testing.T) {
	ctx := context.Background()
	for name, row := range map[string]struct {
		mounts []func(*keep.Mount)
		want   volume.Kind // none: stored
	}{
		"full and good":    {[]func(*keep.Mount){fails(volume.VolumeFull), plain}, ""},
		"broken and good":  {[]func(*keep.Mount){fails(volume.VolumeError), plain}, ""},
		"full":             {[]func(*keep.Mount){fails(volume.VolumeFull), fails(volume.VolumeFull)}, volume.VolumeFull},
		"full and broken":  {[]func(*keep.Mount){fails(volume.VolumeFull), fails(volume.VolumeError)}, volume.VolumeError},
		"read-only":        {[]func(*keep.Mount){readOnly}, volume.VolumeFull},
		"turned read-only": {[]func(*keep.Mount){fails(volume.ReadOnly)}, volume.VolumeFull},
	} {
		r := open(t, row.mounts...)
		for range 8 { // so that each mount is the first at some time
			b := block(t, 100)
			_, err := r.Put(ctx, b, nil)
			switch {
			case row.want != "":
				kind(t, err, row.want)
			case err != nil:
				t.Errorf("%s: %v", name, err)
			default:
				r.reads(b)
			}
		}
	}
	r := open(t, plain)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := r.Put(canceled, block(t, 10), nil)
	kind(t, err, volume.Canceled)
}

// TestPriority: a higher priority comes first, whatever the order of the
// block.
func TestPriority(t *testing.T) {
	r := open(t, plain, func(m *keep.Mount) { m.Priority = 1 }, plain)
	for range 16 {
		b := block(t, 10)
		r.put(b)
		if got := r.on(b.Hash()); !slices.Equal(got, []int{1}) {
			t.Errorf("stored on %v", got)
		}
	}
	even, used := open(t, plain, plain, plain), map[int]bool{}
	for range 64 {
		b := block(t, 10)
		even.put(b)
		on := even.on(b.Hash())[0]
		used[on] = true
		for _, m := range even.mounts {
			if volume.Weight(b.Hash(), m.UUID) < volume.Weight(b.Hash(), even.mounts[on].UUID) {
				t.Errorf("%s is not on the mount of the least weight", b.Hash())
			}
		}
	}
	if len(used) != 3 {
		t.Errorf("64 blocks lie on %d mounts of 3", len(used))
	}
}
