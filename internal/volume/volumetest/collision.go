// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package volumetest

import (
	"encoding/hex"

	"github.com/arvados-s3/keepstore/internal/volume"
)

// Two messages of one MD5, published by Marc Stevens in 2012: "Single-block
// collision attack on MD5", https://marc-stevens.nl/research/md5-1block-collision/
const (
	oneMessage   = "4dc968ff0ee35c209572d4777b721587d36fa7b21bdc56b74a3dc0783e7b9518afbfa200a8284bf36e8e4b55b35f427593d849676da0d1555d8360fb5f07fea2"
	otherMessage = "4dc968ff0ee35c209572d4777b721587d36fa7b21bdc56b74a3dc0783e7b9518afbfa202a8284bf36e8e4b55b35f427593d849676da0d1d55d8360fb5f07fea2"
)

// collision: nobody is told that their bytes are stored when others are that
// have the same MD5.
func collision(s *suite) {
	var blocks []volume.Block
	for _, text := range []string{oneMessage, otherMessage} {
		data, err := hex.DecodeString(text)
		s.must(err)
		b, err := volume.NewBlock(volume.Sum(data), data)
		s.must(err)
		blocks = append(blocks, b)
	}
	s.must(s.Volume.Put(s.Context(), blocks[0]))
	s.kind(s.Volume.Put(s.Context(), blocks[1]), volume.WrongHash)
	s.must(s.Volume.Put(s.Context(), blocks[0]))
	n, err := s.Volume.Get(s.Context(), blocks[0].Hash(), s.buf)
	s.must(err)
	if string(s.buf[:n]) != string(blocks[0].Data()) {
		s.Error("the other bytes came back")
	}
}
