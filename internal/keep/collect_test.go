// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

func TestTrashRespectsAge(t *testing.T) {
	ctx := context.Background()
	r := open(t, plain, plain, readOnly)
	b := block(t, 100)
	for i := range 3 {
		r.place(i, b)
	}
	r.age(1, b.Hash(), minAge+time.Minute)
	r.age(2, b.Hash(), minAge+time.Minute)
	if err := r.Trash(ctx, b.Hash()); err != nil || !slices.Equal(r.on(b.Hash()), []int{0, 2}) {
		t.Errorf("on %v: %v", r.on(b.Hash()), err)
	}
	r.age(0, b.Hash(), minAge-time.Minute)
	if err := r.Trash(ctx, b.Hash()); err != nil || !slices.Equal(r.on(b.Hash()), []int{0, 2}) {
		t.Errorf("a young block went away: on %v: %v", r.on(b.Hash()), err)
	}
	if n, err := r.Untrash(ctx, b.Hash()); err != nil || n != 2 || !slices.Equal(r.on(b.Hash()), []int{0, 1, 2}) {
		t.Errorf("untrash: %d mounts, on %v: %v", n, r.on(b.Hash()), err)
	}
	r.age(0, b.Hash(), 2*minAge)
	r.SetPolicy(keep.Policy{MinAge: minAge})
	var off *keep.Error
	if err := r.Trash(ctx, b.Hash()); !errors.As(err, &off) || off.Kind != keep.TrashOff || len(r.on(b.Hash())) != 3 {
		t.Errorf("with trash off: %v", err)
	}
	missing := block(t, 10).Hash()
	kind(t, r.Touch(ctx, missing), volume.BlockNotFound)
	_, err := r.Untrash(ctx, missing)
	kind(t, err, volume.BlockNotFound)
	r.SetPolicy(keep.Policy{Trash: true, MinAge: minAge})
	kind(t, r.Trash(ctx, missing), volume.BlockNotFound)
}

func TestTouchKeeps(t *testing.T) {
	ctx := context.Background()
	r := open(t, plain, plain)
	b := block(t, 100)
	r.place(1, b)
	r.age(1, b.Hash(), 2*minAge)
	if err := r.Touch(ctx, b.Hash()); err != nil {
		t.Fatal(err)
	}
	if err := r.Trash(ctx, b.Hash()); err != nil {
		t.Fatal(err)
	}
	r.reads(b)
}

// TestTrashList: only a copy of exactly the time that the entry says goes
// away, on the mount that it says, and only if it is old enough.
func TestTrashList(t *testing.T) {
	r := open(t, plain, plain, readOnly)
	put := func(ages ...time.Duration) (locator.Hash, []time.Time) {
		b := block(t, 10)
		var times []time.Time
		for i, a := range ages {
			r.place(i, b)
			times = append(times, r.age(i, b.Hash(), a))
		}
		return b.Hash(), times
	}
	const old = 2 * minAge
	one, at1 := put(old, old)
	other, at2 := put(old, old+time.Minute)
	young, at3 := put(minAge / 2)
	touched, at4 := put(old)
	fixed, at5 := put(old, old, old)
	r.age(0, touched, old-time.Second)
	entry := func(h locator.Hash, at time.Time, mount string) keep.TrashEntry {
		return keep.TrashEntry{Locator: string(h) + "+10", BlockMtime: at.UnixNano(), MountUUID: mount}
	}
	err := r.SetTrash([]keep.TrashEntry{
		entry(one, at1[0], r.mounts[0].UUID), entry(other, at2[1], ""), entry(young, at3[0], ""), entry(touched, at4[0], ""),
		entry(fixed, at5[2], r.mounts[2].UUID), entry(fixed, at5[0], "zzzzz-nyw5e-nosuchmount0000"),
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the list was worked on", func() bool { return r.Queues() == keep.Queues{} })
	for hash, want := range map[locator.Hash][]int{one: {1}, other: {0}, young: {0}, touched: {0}, fixed: {0, 1, 2}} {
		if got := r.on(hash); !slices.Equal(got, want) {
			t.Errorf("a block is on %v, want %v", got, want)
		}
	}
	var bad *keep.Error
	if err := r.SetTrash([]keep.TrashEntry{{Locator: "../../x"}}); !errors.As(err, &bad) || bad.Kind != keep.BadList {
		t.Errorf("got %v", err)
	}
}

func TestIndex(t *testing.T) {
	ctx := context.Background()
	r := open(t, plain, readOnly)
	a, b := block(t, 10), block(t, 20)
	r.place(0, a)
	r.place(1, a)
	r.place(1, b)
	text := func(uuid, prefix string) string {
		var out bytes.Buffer
		if err := r.Index(ctx, uuid, prefix, &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for _, row := range []struct {
		uuid, prefix string
		lines        int
	}{
		{"", "", 3}, {r.mounts[0].UUID, "", 1}, {r.mounts[1].UUID, "", 2}, {"", string(a.Hash()[:10]), 2}, {"", string(a.Hash()), 2},
	} {
		got := text(row.uuid, row.prefix)
		if strings.Count(got, "\n") != row.lines+1 || !strings.HasSuffix("\n"+got, "\n\n") || strings.Contains(strings.TrimSuffix(got, "\n"), "\n\n") {
			t.Errorf("%q %q: got\n%s", row.uuid, row.prefix, got)
		}
	}
	var unknown *keep.Error
	if err := r.Index(ctx, "zzzzz-nyw5e-nosuchmount0000", "", io.Discard); !errors.As(err, &unknown) || unknown.Kind != keep.NoMount {
		t.Errorf("got %v", err)
	}
	kind(t, r.Index(ctx, "", "xyz", io.Discard), volume.BadLocator)
}

// TestIndexIsCompleteOrAnError: a list that broke off lacks its last line.
func TestIndexIsCompleteOrAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r := open(t, plain, plain)
	for i := range 2 {
		for range 10 {
			r.place(i, block(t, 10))
		}
	}
	var out bytes.Buffer
	err := r.Index(ctx, "", "", writerFunc(func(p []byte) (int, error) {
		if bytes.Count(out.Bytes(), []byte("\n")) == 5 {
			cancel()
		}
		return out.Write(p)
	}))
	if err == nil || strings.HasSuffix(out.String(), "\n\n") {
		t.Errorf("error %v after\n%s", err, out.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
