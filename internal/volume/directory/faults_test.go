// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/internal/volume/directory"
	"github.com/arvados-s3/keepstore/internal/volume/volumetest"
)

func newVolume(t *testing.T, o directory.Options) (*directory.Volume, string) {
	t.Helper()
	if o.Root == "" {
		o.Root = t.TempDir()
	}
	if o.Reserve == 0 {
		o.Reserve = -1
	}
	return open(t, o), o.Root
}

func put(t testing.TB, v volume.Writer, n int) volume.Block {
	t.Helper()
	b := volumetest.Block(t, volumetest.Data(n))
	if err := v.Put(context.Background(), b); err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	return b
}

func get(v volume.Reader, b volume.Block) error {
	_, err := v.Get(context.Background(), b.Hash(), make([]byte, volume.MaxSize))
	return err
}

// tempFiles lists what unfinished writes have left.
func tempFiles(t *testing.T, root string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "*", ".tmp-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestReserve: the reserve is refused, before anything is written.
func TestReserve(t *testing.T) {
	v, root := newVolume(t, directory.Options{Reserve: 1 << 60})
	b := volumetest.Block(t, volumetest.Data(100))
	wantKind(t, v.Put(context.Background(), b), volume.VolumeFull)
	if status, err := v.Status(context.Background()); err != nil || status.Free != 0 {
		t.Errorf("%+v, %v", status, err)
	}
	roomy, _ := newVolume(t, directory.Options{Root: root})
	if err := roomy.Put(context.Background(), b); err != nil {
		t.Error(err)
	}
	// A block that is there needs no room.
	if err := v.Put(context.Background(), b); err != nil {
		t.Errorf("put again: %v", err)
	}
}

// TestFileSizeLimit: a write that fails half way leaves nothing behind. The
// limit is that of a process, as quotas are not there on every machine; so the
// test runs in a process of its own, whose other files nobody misses. (The test
// program itself writes a log for "go test", which must not meet the limit.)
func TestFileSizeLimit(t *testing.T) {
	const inChild = "KEEPSTORE_TEST_FILE_SIZE"
	if os.Getenv(inChild) != "" {
		writeBeyondLimit(t)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestFileSizeLimit$", "-test.v")
	child.Env = append(os.Environ(), inChild+"=1")
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFileSizeLimit") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func writeBeyondLimit(t *testing.T) {
	v, root := newVolume(t, directory.Options{})
	limitFileSize(t, 1<<20, func() {
		err := v.Put(context.Background(), volumetest.Block(t, volumetest.Data(3<<20)))
		wantKind(t, err, volume.VolumeError)
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("cause %v", errors.Unwrap(err))
		}
		put(t, v, 1<<20)
	})
	if left := tempFiles(t, root); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	put(t, v, 3<<20)
}

func limitFileSize(t *testing.T, n uint64, do func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Error(err)
		}
	}()
	do()
}

// TestNotAFile: what is no file in the place of a block is an error, is not
// listed, and stays.
func TestNotAFile(t *testing.T) {
	v, root := newVolume(t, directory.Options{})
	for name, make := range map[string]func(path string) error{
		"directory": func(p string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o700) },
		"pipe":      func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"link out":  func(p string) error { return os.Symlink("/etc/hostname", p) },
	} {
		b := put(t, v, 50)
		path := file(root, b.Hash())
		if err := errors.Join(os.Remove(path), make(path)); err != nil {
			t.Fatal(err)
		}
		if err := get(v, b); !volume.IsKind(err, volume.VolumeError) {
			t.Errorf("%s: get: %v", name, err)
		}
		if err := v.Put(context.Background(), b); !volume.IsKind(err, volume.VolumeError) {
			t.Errorf("%s: put: %v", name, err)
		}
		if err := v.Touch(context.Background(), b.Hash()); !volume.IsKind(err, volume.VolumeError) {
			t.Errorf("%s: touch: %v", name, err)
		}
		err := v.Index(context.Background(), "", func(i volume.Info) error { return errors.New("lists " + string(i.Hash)) })
		if err != nil {
			t.Errorf("%s: index: %v", name, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLinkedFolder: a folder that leads out of the root is never followed, and
// an index that would leave its blocks out fails.
func TestLinkedFolder(t *testing.T) {
	v, root := newVolume(t, directory.Options{})
	b := put(t, v, 50)
	in, out := filepath.Dir(file(root, b.Hash())), filepath.Join(t.TempDir(), "out")
	if err := errors.Join(os.Rename(in, out), os.Symlink(out, in)); err != nil {
		t.Fatal(err)
	}
	wantKind(t, get(v, b), volume.VolumeError)
	wantKind(t, v.Put(context.Background(), b), volume.VolumeError)
	wantKind(t, v.Index(context.Background(), "", func(volume.Info) error { return nil }), volume.VolumeError)
	if err := errors.Join(os.Remove(in), os.Rename(out, in)); err != nil {
		t.Fatal(err)
	}
	if err := get(v, b); err != nil {
		t.Error(err)
	}
}

// TestFolderIsAFile: a file in the place of a folder fails everything below
// it, and the index.
func TestFolderIsAFile(t *testing.T) {
	v, root := newVolume(t, directory.Options{})
	b := volumetest.Block(t, volumetest.Data(10))
	in := filepath.Dir(file(root, b.Hash()))
	if err := os.WriteFile(in, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantKind(t, v.Put(context.Background(), b), volume.VolumeError)
	wantKind(t, get(v, b), volume.VolumeError)
	wantKind(t, v.Index(context.Background(), "", func(volume.Info) error { return nil }), volume.VolumeError)
	if err := os.Remove(in); err != nil {
		t.Fatal(err)
	}
	if err := v.Put(context.Background(), b); err != nil {
		t.Error(err)
	}
}

// TestUpstreamFiles: files as upstream keepstore leaves them.
func TestUpstreamFiles(t *testing.T) {
	clock := &volumetest.Clock{}
	v, root := newVolume(t, directory.Options{Now: clock.Now, TrashLifetime: time.Hour})
	const hash = "acbd18db4cc2f85cedef654fccc4a4d8"
	b := volumetest.Block(t, []byte("foo"))
	dir := filepath.Join(root, "acb")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		hash + ".trash.4000000000": "foo", hash + ".trash.1000": "old", "tmp" + hash + "123": "fo",
		hash + ".corrupt.1": "bar", ".tmp-" + hash + "-x": "f", hash + "0": "foo", "README": "x",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, get(v, b), volume.BlockNotFound)
	if err := v.Untrash(context.Background(), b.Hash()); err != nil {
		t.Fatal(err)
	}
	if err := get(v, b); err != nil {
		t.Error(err)
	}
	listed := 0
	if err := v.Index(context.Background(), "", func(volume.Info) error { listed++; return nil }); err != nil || listed != 1 {
		t.Errorf("%d blocks, %v", listed, err)
	}
	if len(tempFiles(t, root)) != 1 {
		t.Error("the temporary file is gone too early")
	}
	clock.Advance(2 * time.Hour)
	sum, err := v.EmptyTrash(context.Background())
	if err != nil || sum != (volume.Emptied{Blocks: 1, Bytes: 3}) {
		t.Errorf("%+v, %v", sum, err)
	}
	if left := tempFiles(t, root); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if _, err := os.Stat(filepath.Join(dir, hash+".corrupt.1")); err != nil {
		t.Error(err)
	}
}

// TestFolderRemoved: an empty folder may be removed at any time.
func TestFolderRemoved(t *testing.T) {
	v, root := newVolume(t, directory.Options{})
	b := put(t, v, 10)
	if err := os.RemoveAll(filepath.Dir(file(root, b.Hash()))); err != nil {
		t.Fatal(err)
	}
	if err := v.Put(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if err := get(v, b); err != nil {
		t.Error(err)
	}
}

// TestNoLifetime: without a life time Trash deletes.
func TestNoLifetime(t *testing.T) {
	v, root := newVolume(t, directory.Options{})
	b := put(t, v, 10)
	if done, err := v.Trash(context.Background(), b.Hash(), time.Now()); !done || err != nil {
		t.Fatal(done, err)
	}
	if left, err := os.ReadDir(filepath.Dir(file(root, b.Hash()))); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestTwoProcesses: a lock that another process has on a block is waited for,
// and the wait ends with its context.
func TestTwoProcesses(t *testing.T) {
	v, root := newVolume(t, directory.Options{TrashLifetime: time.Hour})
	b := put(t, v, 10)
	f, err := os.Open(file(root, b.Hash()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	wantKind(t, v.Touch(ctx, b.Hash()), volume.Deadline)
	if err := get(v, b); err != nil {
		t.Errorf("a read waits for no lock: %v", err)
	}
	done := make(chan error)
	go func() { done <- v.Touch(context.Background(), b.Hash()) }()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	_, err := directory.Open(directory.Options{Root: filepath.Join(t.TempDir(), "missing")})
	wantKind(t, err, volume.VolumeError)
	if strings.Contains(err.Error(), "missing") {
		t.Errorf("the sentence names the path: %v", err)
	}
	a, root := newVolume(t, directory.Options{})
	again, _ := newVolume(t, directory.Options{Root: root})
	other, _ := newVolume(t, directory.Options{})
	if a.DeviceID() != again.DeviceID() || a.DeviceID() == other.DeviceID() {
		t.Errorf("device ids %q, %q, %q", a.DeviceID(), again.DeviceID(), other.DeviceID())
	}
	if err := os.WriteFile(filepath.Join(root, ".keepstore-device-id"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = directory.Open(directory.Options{Root: root})
	wantKind(t, err, volume.VolumeError)
}
