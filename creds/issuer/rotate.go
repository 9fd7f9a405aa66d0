// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Overlap is how long a key is published before it signs, and after another
// has replaced it: as long as an STS may remember a set of keys, and longer
// than any token lives.
const Overlap = time.Hour

// Rotate adds a key to a file that signs from after wait, and drops the keys
// that were replaced more than [Overlap] ago. The file keeps its owner and
// mode. It returns the keys that the file has then.
func Rotate(file string, wait time.Duration, now time.Time) ([]Key, error) {
	file, unlock, err := lock(file)
	if err != nil {
		return nil, err
	}
	defer unlock()
	keys, err := ReadKeys(file)
	if err != nil {
		return nil, err
	}
	if last := keys[len(keys)-1]; last.SignFrom.After(now) {
		return nil, fmt.Errorf("the newest key of %s signs from %s only: rotate again after that time, or take that key out of the file if the time is wrong", file, stamp(last.SignFrom))
	}
	key, err := generateKey(now.Add(wait).UTC().Truncate(time.Second))
	if err != nil {
		return nil, fmt.Errorf("no key could be made for the issuer: %w", err)
	}
	keys = append(stillNeeded(keys, now), key)
	if err := checkOrder(keys); err != nil {
		return nil, errors.New("another rotation has just happened: nothing was changed")
	}
	return keys, replace(file, keys)
}

// stillNeeded leaves out the keys whose successor has signed for long enough.
func stillNeeded(keys []Key, now time.Time) []Key {
	for len(keys) > 1 && now.Sub(keys[1].SignFrom) > Overlap {
		keys = keys[1:]
	}
	return keys
}

// lock keeps other rotations of the file away. It follows links, so that the
// file itself is replaced.
func lock(name string) (file string, unlock func(), err error) {
	file, err = filepath.EvalSymlinks(name)
	if err != nil {
		return "", nil, fmt.Errorf("the keys of the issuer cannot be read: %w", err)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return "", nil, fmt.Errorf("the key file of the issuer cannot be written: %w", err)
	}
	unlock = func() { _ = f.Close() } // ends the lock, too
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		unlock()
		return "", nil, fmt.Errorf("another rotation of %s is under way: nothing was changed (%w)", file, err)
	}
	mine, err := f.Stat()
	if err == nil {
		var there os.FileInfo
		if there, err = os.Stat(file); err == nil && !os.SameFile(mine, there) {
			err = fmt.Errorf("another rotation of %s has just happened: nothing was changed", file)
		}
	}
	if err != nil {
		unlock()
		return "", nil, err
	}
	return file, unlock, nil
}

// replace puts the keys in the place of the file, with its owner and mode: the
// command runs as another user than the server, often enough.
func replace(file string, keys []Key) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	name, err := writeTemporary(file, keys, func(f *os.File) error {
		err := f.Chmod(info.Mode().Perm())
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && err == nil {
			err = f.Chown(int(owner.Uid), int(owner.Gid))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("run this as the owner of the key file, or as root: %w", err)
	}
	if err := os.Rename(name, file); err != nil {
		_ = os.Remove(name) // the first error counts
		return fmt.Errorf("the key file of the issuer cannot be replaced; run this as its owner or as root: %w", err)
	}
	return syncFolder(file)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
