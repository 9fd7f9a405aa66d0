// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"

	"github.com/arvados-s3/keepstore/locator"
)

// Block is data and the hash that was proven to be its MD5.
type Block struct {
	hash locator.Hash
	data []byte
}

// NewBlock checks that the MD5 of data is hash. The data must not change as
// long as the Block is in use.
func NewBlock(hash locator.Hash, data []byte) (Block, error) {
	if err := CheckHash(hash); err != nil {
		return Block{}, err
	}
	if len(data) > MaxSize {
		return Block{}, &Error{Kind: TooLarge, Hash: hash,
			Text: fmt.Sprintf("the data has %d bytes, but a block has at most %d: split it", len(data), MaxSize)}
	}
	if got := Sum(data); got != hash {
		return Block{}, &Error{Kind: WrongHash, Hash: hash,
			Text: fmt.Sprintf("content hash %s did not match specified locator %s: the data was damaged on its way, send it again", got, hash)}
	}
	return Block{hash, data}, nil
}

// Hash returns the MD5 of the data, or nothing for the zero Block, which no
// volume takes.
func (b Block) Hash() locator.Hash { return b.hash }

// Data returns the data, which must not be changed.
func (b Block) Data() []byte { return b.data }

// Comparison finds out whether what is written to it is the data of a block:
// MD5 is the name of a block, but other bytes of that MD5 can be made.
type Comparison struct {
	block  Block
	rest   []byte
	differ bool
}

// Compare begins a comparison.
func (b Block) Compare() *Comparison { return &Comparison{block: b, rest: b.data} }

// Write never fails.
func (c *Comparison) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(c.rest, p) {
		c.differ = true
		return len(p), nil
	}
	c.rest = c.rest[len(p):]
	return len(p), nil
}

// Err returns an error if something else was written than the data.
func (c *Comparison) Err() error {
	if !c.differ && len(c.rest) == 0 {
		return nil
	}
	return &Error{Kind: WrongHash, Hash: c.block.hash,
		Text: fmt.Sprintf("other bytes with the MD5 %s are stored already, so that these cannot be: change them or pack them, and store the result", c.block.hash)}
}

// Sum returns the MD5 of data.
func Sum(data []byte) locator.Hash {
	sum := md5.Sum(data)
	return locator.Hash(hex.EncodeToString(sum[:]))
}

// CheckHash refuses what is not 32 lower-case hexadecimal digits. Drivers make
// names of files from hashes, so they all call it first.
func CheckHash(hash locator.Hash) error {
	if len(hash) == 32 && isHex(string(hash)) {
		return nil
	}
	return &Error{Kind: BadLocator, Text: "the name of a block is 32 lower-case hexadecimal digits"}
}

// CheckPrefix refuses what no hash can begin with.
func CheckPrefix(prefix string) error {
	if len(prefix) <= 32 && isHex(prefix) {
		return nil
	}
	return &Error{Kind: BadLocator, Text: "the prefix of an index is at most 32 lower-case hexadecimal digits"}
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Weight gives the order in which the mounts of one server are asked for a
// block: ascending, among mounts of equal priority. So each block has its
// preferred mount, and every server agrees on it.
func Weight(hash locator.Hash, mountUUID string) string {
	sum := md5.Sum([]byte(string(hash) + mountUUID[max(0, len(mountUUID)-15):]))
	return hex.EncodeToString(sum[:])
}
