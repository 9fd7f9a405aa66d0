// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/arvados-s3/keepstore/internal/volume"
)

// TestErrno: what each system error means.
func TestErrno(t *testing.T) {
	for err, want := range map[error]volume.Kind{
		syscall.ENOSPC: volume.VolumeFull, syscall.EDQUOT: volume.VolumeFull, syscall.EROFS: volume.ReadOnly,
		syscall.EIO: volume.VolumeError, syscall.EACCES: volume.VolumeError, syscall.ESTALE: volume.VolumeError,
		syscall.EMFILE: volume.VolumeError, fs.ErrNotExist: volume.BlockNotFound, errNotFile: volume.VolumeError,
	} {
		if got := fail("", fmt.Errorf("put: %w", &os.PathError{Op: "open", Path: "/secret", Err: err})); !volume.IsKind(got, want) {
			t.Errorf("%v became %v", err, got)
		}
	}
	if fail("", nil) != nil {
		t.Error("no error became one")
	}
	known := volume.Fail(volume.CorruptBlock, "", nil)
	if fail("", known) != error(known) {
		t.Error("an error that has its kind was changed")
	}
}
