// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/internal/volume/directory"
)

// mountRoot, when set, makes the test binary mount a small file system there
// and fill it. It runs in mount and user namespaces of its own, so that no
// mount outlives it and no privilege is needed.
const mountRoot = "KEEPSTORE_TEST_MOUNT_ROOT"

// notAllowed is what it says where mounting is not allowed.
const notAllowed = "mounting is not allowed here"

// TestSmallDisk: real ENOSPC, EROFS and EIO. Where the kernel allows no mount,
// TestFileSizeLimit and TestErrno are what is left.
func TestSmallDisk(t *testing.T) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), mountRoot+"="+t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := c.CombinedOutput()
	switch text := strings.TrimSpace(string(out)); {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSPC), text == notAllowed:
		t.Log(notAllowed)
	case err != nil || text != "ok":
		t.Errorf("%v\n%s", err, text)
	}
}

// small is a test on the small disk. It cannot use testing.T.
type small struct {
	root   string
	v      *directory.Volume
	faults []string
}

func onSmallDisk(root string) {
	if syscall.Mount("tmpfs", root, "tmpfs", 0, "size=6m") != nil {
		fmt.Println(notAllowed)
		return
	}
	v, err := directory.Open(directory.Options{Root: root, Reserve: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &small{root: root, v: v}
	s.fill()
	s.fail()
	s.remount()
	if len(s.faults) == 0 {
		s.faults = []string{"ok"}
	}
	fmt.Println(strings.Join(s.faults, "\n"))
}

func (s *small) check(ok bool, format string, args ...any) {
	if !ok {
		s.faults = append(s.faults, fmt.Sprintf(format, args...))
	}
}

// data is a block of 1 MiB.
func data(i byte) volume.Block {
	text := make([]byte, 1<<20)
	text[0] = i
	b, _ := volume.NewBlock(volume.Sum(text), text) // its own sum fits
	return b
}

// hog is a context that fills the disk as soon as it is asked whether it goes
// on while a block is being written.
type hog struct {
	context.Context
	root string
	file string
}

func (h *hog) Err() error {
	if h.file == "" && len(unfinished(h.root)) > 0 {
		h.file = filepath.Join(h.root, "hog")
		_ = os.WriteFile(h.file, make([]byte, 8<<20), 0o600) // it fails, but not before the disk is full
	}
	return h.Context.Err()
}

func unfinished(root string) []string {
	found, _ := filepath.Glob(filepath.Join(root, "*", ".tmp-*")) // the pattern is right
	return found
}

// fill runs out of space in the middle of a block, and before one.
func (s *small) fill() {
	ctx := context.Background()
	s.check(s.v.Put(ctx, data(1)) == nil, "put on an empty disk")
	h := &hog{Context: ctx, root: s.root}
	err := s.v.Put(h, data(2))
	s.check(volume.IsKind(err, volume.VolumeFull) && errors.Is(err, syscall.ENOSPC), "half way: %v (%v)", err, errors.Unwrap(err))
	s.check(len(unfinished(s.root)) == 0, "left %v", unfinished(s.root))
	s.check(volume.IsKind(get(s.v, data(2)), volume.BlockNotFound), "a block is there in part")
	err = s.v.Put(ctx, data(2))
	s.check(volume.IsKind(err, volume.VolumeFull), "on a full disk: %v", err)
	s.check(s.v.Put(ctx, data(1)) == nil, "a block that is there needs no room")
	s.check(get(s.v, data(1)) == nil, "a full disk can be read")
	s.check(os.Remove(h.file) == nil, "the hog cannot be removed")
	s.check(s.v.Put(ctx, data(2)) == nil, "there is room again")
}

// fail puts a file in the place of a block whose every read is an EIO.
func (s *small) fail() {
	b := data(60)
	s.check(s.v.Put(context.Background(), b) == nil, "put")
	path := file(s.root, b.Hash())
	s.check(syscall.Mount("/proc/self/mem", path, "", syscall.MS_BIND, "") == nil, "bind mount")
	for range 2 {
		err := get(s.v, b)
		s.check(volume.IsKind(err, volume.VolumeError) && errors.Is(err, syscall.EIO), "get: %v (%v)", err, errors.Unwrap(err))
	}
	err := s.v.Put(context.Background(), b)
	s.check(volume.IsKind(err, volume.VolumeError), "put: %v", err)
	s.check(syscall.Unmount(path, 0) == nil, "unmount")
	s.check(get(s.v, b) == nil, "the block is gone: an error of the disk is no damage")
}

// remount makes the disk read-only, as the kernel does after errors.
func (s *small) remount() {
	b := data(60)
	s.check(syscall.Mount("", s.root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "") == nil, "remount")
	s.check(get(s.v, b) == nil, "a read-only disk can be read")
	for _, err := range []error{s.v.Put(context.Background(), data(61)), s.v.Put(context.Background(), b), s.v.Touch(context.Background(), b.Hash())} {
		s.check(volume.IsKind(err, volume.ReadOnly), "read-only: %v (%v)", err, errors.Unwrap(err))
	}
}
