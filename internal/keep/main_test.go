// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/internal/volume/directory"
	"github.com/arvados-s3/keepstore/locator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const minAge = time.Hour

// memory counts what is lent.
type memory struct {
	mu   sync.Mutex
	lent int
}

func (m *memory) Take(ctx context.Context, size int) ([]byte, func(), error) {
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lent++
	return make([]byte, size), sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.lent--
	}), nil
}

// rig is a store on directories.
type rig struct {
	*testing.T
	*keep.Store
	mounts []keep.Mount
	roots  []string
	memory *memory
	log    *bytes.Buffer // read it after Stop
}

// open makes a store with a directory for each change of a mount.
func open(t *testing.T, changes ...func(*keep.Mount)) *rig {
	t.Helper()
	r := &rig{T: t, memory: &memory{}, log: &bytes.Buffer{}}
	for i, change := range changes {
		root := t.TempDir()
		v, err := directory.Open(directory.Options{Root: root, Reserve: -1, TrashLifetime: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		m := keep.Mount{UUID: fmt.Sprintf("zzzzz-nyw5e-%015d", i), Volume: v, Replication: 1, Classes: []string{keep.DefaultClass}}
		change(&m)
		r.mounts, r.roots = append(r.mounts, m), append(r.roots, root)
	}
	r.Store = keep.Open(keep.Options{Mounts: r.mounts, Memory: r.memory, Log: slog.New(slog.NewTextHandler(r.log, nil))}, keep.Policy{Trash: true, MinAge: minAge})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if r.memory.lent != 0 {
			t.Errorf("%d buffers were not given back", r.memory.lent)
		}
	})
	return r
}

func plain(*keep.Mount) {}

func readOnly(m *keep.Mount) { m.ReadOnly = true }

func classes(names ...string) func(*keep.Mount) { return func(m *keep.Mount) { m.Classes = names } }

// block makes a new block of n bytes.
func block(t testing.TB, n int) volume.Block {
	t.Helper()
	data := make([]byte, n)
	_, _ = rand.Read(data) // never fails
	b, err := volume.NewBlock(volume.Sum(data), data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// on lists the mounts that have a block.
func (r *rig) on(hash locator.Hash) []int {
	r.Helper()
	found := []int{}
	for i := range r.roots {
		if _, err := os.Stat(r.file(i, hash)); err == nil {
			found = append(found, i)
		}
	}
	return found
}

func (r *rig) file(mount int, hash locator.Hash) string {
	return filepath.Join(r.roots[mount], string(hash[:3]), string(hash))
}

// place stores a block on one mount.
func (r *rig) place(mount int, b volume.Block) {
	r.Helper()
	if err := r.mounts[mount].Volume.Put(context.Background(), b); err != nil {
		r.Fatal(err)
	}
}

// age makes a copy older.
func (r *rig) age(mount int, hash locator.Hash, by time.Duration) time.Time {
	r.Helper()
	at := time.Now().Add(-by)
	if err := os.Chtimes(r.file(mount, hash), at, at); err != nil {
		r.Fatal(err)
	}
	info, err := os.Stat(r.file(mount, hash))
	if err != nil {
		r.Fatal(err)
	}
	return info.ModTime()
}

// spoil changes a byte of a copy.
func (r *rig) spoil(mount int, hash locator.Hash) {
	r.Helper()
	data, err := os.ReadFile(r.file(mount, hash))
	if err == nil {
		data[len(data)/2] ^= 1
		err = os.WriteFile(r.file(mount, hash), data, 0o600)
	}
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) put(b volume.Block, classes ...string) keep.Stored {
	r.Helper()
	stored, err := r.Put(context.Background(), b, classes)
	if err != nil {
		r.Fatal(err)
	}
	return stored
}

// reads checks that a block reads right.
func (r *rig) reads(b volume.Block) {
	r.Helper()
	data, err := r.Get(context.Background(), b.Hash(), int64(len(b.Data())))
	if err != nil {
		r.Error(err)
		return
	}
	defer data.Release()
	if !bytes.Equal(data.Bytes, b.Data()) {
		r.Error("wrong bytes")
	}
}

// kind checks the kind of an error.
func kind(t testing.TB, err error, want volume.Kind) {
	t.Helper()
	if !volume.IsKind(err, want) {
		t.Errorf("got %v, want the kind %s", err, want)
	}
}

// eventually waits until a state is reached.
func eventually(t testing.TB, what string, reached func() bool) {
	t.Helper()
	for range 1000 {
		if reached() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("still not so: %s", what)
}
