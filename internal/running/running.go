// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// urlFile is the file of the data folder that says where the API server
// listens, while it does. The server holds a lock on it, which ends with the
// process however that ends: after a kill the file stays, and commands must
// not send the token to whoever listens there next.
const urlFile = "api-url"

// maxURL is far more than a URL of ours has.
const maxURL = 1 << 10

// Tell writes the URL into the data folder, as a file that is locked
// before it has its name. forget removes it, unless another server has
// written its own meanwhile.
func Tell(dir, url string) (forget func(), err error) {
	name := filepath.Join(dir, urlFile)
	f, err := os.CreateTemp(dir, "."+urlFile+"-*") // makes it with mode 0600
	if err != nil {
		return nil, fmt.Errorf("the file %s cannot be written: %w", name, err)
	}
	_, err = f.WriteString(url + "\n")
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error counts
		return nil, errors.Join(fmt.Errorf("the file %s cannot be written: %w", name, err), f.Close())
	}
	return func() {
		mine, err := f.Stat()
		if there, now := os.Stat(name); err == nil && now == nil && os.SameFile(mine, there) {
			_ = os.Remove(name) // without the lock it says nothing
		}
		_ = f.Close() // ends the lock
	}, nil
}

// URL returns the URL of the API server that runs on a data folder.
func URL(dir string) (string, error) {
	f, err := os.Open(filepath.Join(dir, urlFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", notRunning(dir)
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); {
	case err == nil: // who wrote it has been killed
		return "", notRunning(dir)
	case !errors.Is(err, syscall.EWOULDBLOCK):
		return "", fmt.Errorf("whether keepstore standalone runs on the folder %s cannot be told: %w", dir, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxURL))
	return strings.TrimSpace(string(text)), err
}

func notRunning(dir string) error {
	return fmt.Errorf("there is no running keepstore standalone on the folder %s: start it first", dir)
}
