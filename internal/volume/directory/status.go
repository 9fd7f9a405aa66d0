// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/arvados-s3/keepstore/internal/volume"
)

// Status asks the file system.
func (v *Volume) Status(ctx context.Context) (volume.Status, error) {
	if err := volume.Ended(ctx, ""); err != nil {
		return volume.Status{}, err
	}
	free, err := v.free()
	return volume.Status{Free: max(0, free), ReadOnly: v.options.ReadOnly}, fail("", notMissing(err))
}

// free is how many bytes may still be written; negative when the reserve is
// used.
func (v *Volume) free() (int64, error) {
	f, err := v.root.Open(".")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var s syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &s); err != nil {
		return 0, fmt.Errorf("asking for free space: %w", err)
	}
	return int64(s.Bavail)*int64(s.Bsize) - v.options.Reserve, nil
}

const deviceFile = ".keepstore-device-id"

// deviceID reads the name of the volume, or makes one. A read-only volume
// without one is named after its place.
func (v *Volume) deviceID() (string, error) {
	text, err := v.readDeviceID()
	switch {
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return text, err
	case v.options.ReadOnly:
		host, err := os.Hostname()
		return "directory:" + host + ":" + v.options.Root, err
	}
	if err := v.makeDeviceID(); err != nil {
		return "", err
	}
	return v.readDeviceID()
}

func (v *Volume) readDeviceID() (string, error) {
	f, err := v.root.Open(deviceFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1000))
	id := strings.TrimSpace(string(text))
	if err == nil && id == "" {
		err = fmt.Errorf("%s is empty: remove it", deviceFile)
	}
	return "directory:" + id, err
}

// makeDeviceID writes the file whole or not at all. If two processes do so at
// once, both read what the first one linked.
func (v *Volume) makeDeviceID() error {
	temp := tempPrefix + rand.Text()
	f, err := v.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, rand.Text()+"\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = v.root.Link(temp, deviceFile)
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, v.root.Remove(temp), v.syncFolder("."))
}
