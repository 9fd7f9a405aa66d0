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
	text := make([]byte, 0, 64+len(r.B))
	text = append(text, identityLabel...)
	text = strconv.AppendInt(text, size, 10)
	text = append(text, "+B"...)
	text = append(text, r.B...)
	text = append(text, "+C"...)
	text = strconv.AppendInt(text, r.C, 10)
	sum := sha256.Sum256(text)
	return Hash(hex.EncodeToString(sum[:16]))
}

// Identity returns the hash that stands for this block: the identity hash for
// a pseudo-block of opaque or derived form, the hash itself for content form
// and ordinary blocks.
func (l Locator) Identity() Hash {
	refs := l.Refs()
	if l.verify || len(refs) != 1 {
		return l.hash
	}
	return Identity(l.size, refs[0])
}
