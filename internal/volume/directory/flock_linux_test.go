// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume/directory"
)

// TestLockOfAMovedFile: while Trash waits for the lock of a file, another
// process trashes the file and puts the block anew. The new one must stay.
func TestLockOfAMovedFile(t *testing.T) {
	v, root := newVolume(t, directory.Options{TrashLifetime: time.Hour})
	b := put(t, v, 10)
	path := file(root, b.Hash())
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	type result struct {
		done bool
		err  error
	}
	results := make(chan result)
	go func() {
		done, err := v.Trash(context.Background(), b.Hash(), before)
		results <- result{done, err}
	}()
	for handles(t, path) < 2 { // ours and that of Trash
		runtime.Gosched()
	}
	if err := os.Rename(path, path+".trash.4000000000"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Data(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, before.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if got := <-results; got.done || got.err != nil {
		t.Errorf("%+v", got)
	}
	if err := get(v, b); err != nil {
		t.Error(err)
	}
}

// handles counts the open files of this process at a path.
func handles(t *testing.T, path string) int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == path {
			n++
		}
	}
	return n
}
