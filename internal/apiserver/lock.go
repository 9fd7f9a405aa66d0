// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"os"
	"path/filepath"
	"syscall"
)

// lockFolder waits until no other process opens the folder, and returns how
// to let others. SQLite's own locks do not cover the change of a new database
// to write-ahead logging: one that opens it at that moment gets an error.
func lockFolder(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "open.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, storage(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, storage(err)
	}
	return func() { f.Close() }, nil
}
