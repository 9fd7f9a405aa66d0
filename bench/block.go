// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// makeBlock returns one of the blocks of a seed, which is the same each time
// and unlike any other, and its MD5.
func makeBlock(seed, number uint64, size int64) (data []byte, hash string) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], number)
	data = make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(data) // it cannot fail
	sum := md5.Sum(data)
	return data, hex.EncodeToString(sum[:])
}

// blockFile is where a block lies within the folder of a volume, as a format
// of its hash.
const blockFile = "%.3[1]s/%[1]s"

// makeBlockFolders makes all folders that blocks may lie in, as in a volume
// that has been in use for some time.
func makeBlockFolders(dir string) error {
	for i := range 1 << 12 {
		if err := os.MkdirAll(filepath.Join(dir, fmt.Sprintf("%03x", i)), 0o750); err != nil {
			return err
		}
	}
	return nil
}

// removeBlocks removes the blocks of a folder and leaves the folders in it.
func removeBlocks(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Dir(path) == dir {
			return err
		}
		return os.Remove(path)
	})
}

// fillBlocks writes blocks to the folder of a volume and returns their hashes.
func fillBlocks(dir string, seed uint64, count, size int64) ([]string, error) {
	var hashes []string
	for i := range count {
		data, hash := makeBlock(seed, uint64(i), size)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf(blockFile, hash)), data, 0o640); err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// storeFile does to the disk what a durable PUT needs: the file is written
// and synced under another name, renamed, and its folder synced.
func storeFile(path string, data []byte) error {
	temp := path + ".tmp"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// checkFile reads a file and checks that its MD5 is its name. It keeps no more
// than buf, so that the processor's cache holds what is hashed.
func checkFile(path string, buf []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := md5.New()
	for {
		n, err := f.Read(buf)
		sum.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if hex.EncodeToString(sum.Sum(nil)) != filepath.Base(path) {
		return fmt.Errorf("the MD5 of %s is not its name", filepath.Base(path))
	}
	return nil
}
