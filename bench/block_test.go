// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestBlocks: no block is like another, and a seed gives the same ones again.
func TestBlocks(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(3) {
		for n := range uint64(5) {
			data, hash := makeBlock(seed, n, small)
			if _, again := makeBlock(seed, n, small); again != hash {
				t.Errorf("block %d of seed %d is %s, then %s", n, seed, hash, again)
			}
			if len(data) != small || seen[hash] {
				t.Errorf("block %d of seed %d has %d bytes, seen before: %v", n, seed, len(data), seen[hash])
			}
			seen[hash] = true
		}
	}
}

// TestBlockFiles: what is written can be read and checked, a spoilt file is
// noticed, and removing blocks leaves what belongs to the volume.
func TestBlockFiles(t *testing.T) {
	dir := t.TempDir()
	if err := makeBlockFolders(dir); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "name-of-the-volume")
	if err := os.WriteFile(own, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	data, hash := makeBlock(1, 1, small)
	file := filepath.Join(dir, fmt.Sprintf(blockFile, hash))
	if err := storeFile(file, data); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1000)
	if err := checkFile(file, buf); err != nil {
		t.Error(err)
	}
	if err := os.Truncate(file, small-1); err != nil {
		t.Fatal(err)
	}
	if checkFile(file, buf) == nil {
		t.Error("a file that lacks a byte passed")
	}
	if err := removeBlocks(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the block is still there: %v", err)
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
}
