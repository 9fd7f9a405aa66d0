// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep_test

import (
	"encoding/hex"
	"slices"
	"testing"

	"github.com/arvados-s3/keepstore/internal/volume"
)

// TestCollisionGoesNowhere: other bytes of the same MD5 are not stored beside
// those that are there, on whatever mount.
func TestCollisionGoesNowhere(t *testing.T) {
	var blocks []volume.Block
	for _, text := range []string{ // Marc Stevens, 2012
		"4dc968ff0ee35c209572d4777b721587d36fa7b21bdc56b74a3dc0783e7b9518afbfa200a8284bf36e8e4b55b35f427593d849676da0d1555d8360fb5f07fea2",
		"4dc968ff0ee35c209572d4777b721587d36fa7b21bdc56b74a3dc0783e7b9518afbfa202a8284bf36e8e4b55b35f427593d849676da0d1d55d8360fb5f07fea2",
	} {
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		b, err := volume.NewBlock(volume.Sum(data), data)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b)
	}
	for i := range 3 {
		r := open(t, classes("a"), classes("a", "b"), classes("a", "b"))
		r.place(i, blocks[0])
		if _, err := r.Put(t.Context(), blocks[1], []string{"a", "b"}); !volume.IsKind(err, volume.WrongHash) {
			t.Errorf("mount %d: %v", i, err)
		}
		if on := r.on(blocks[0].Hash()); !slices.Equal(on, []int{i}) {
			t.Errorf("mount %d: the block is on %v", i, on)
		}
		r.reads(blocks[0])
		r.put(blocks[0], "a", "b")
	}
}
