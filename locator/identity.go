// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// identityLabel separates identity hashes from every other use of SHA-256. A
// change of what an identity covers needs a new label.
const identityLabel = "keep-pseudoblock-v1\n"

// Identity returns the identity hash of a reference: the first 32 hex digits
// of SHA-256 over the label and the reference text <size>+B<…>+C<offset>.
// It stands wherever stock Arvados uses a block's hash (signatures, caches,
// portable data hashes, probe order), because the constant hash of the
// opaque form would make all pseudo-blocks one.
func Identity(size int64, r Ref) Hash {
	text := make([]byte, 0, 512) // on the stack; longer references grow out of it
	text = append(text, identityLabel...)
	text = strconv.AppendInt(text, size, 10)
	text = append(text, "+B"...)
	text = append(text, r.B...)
	text = append(text, "+C"...)
	text = strconv.AppendInt(text, r.C, 10)
	sum := sha256.Sum256(text)
	var digits [32]byte
	hex.Encode(digits[:], sum[:16])
	return Hash(digits[:])
}

// Identity returns the hash that stands for this block: the identity hash for
// a pseudo-block of opaque or derived form, the hash itself for content form
// and ordinary blocks.
func (l Locator) Identity() Hash {
	if l.verify || l.refs == "" {
		return l.hash
	}
	first, more := cutRef(l.refs)
	if more != "" { // not a locator: Parse refuses alternatives without +Vmd5
		return l.hash
	}
	return Identity(l.size, first)
}

// Reduced returns identity+size, the text that takes the place of the block
// in a portable data hash.
func (l Locator) Reduced() string {
	return string(l.Identity()) + "+" + strconv.FormatInt(l.size, 10)
}
