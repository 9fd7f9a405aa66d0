// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Derive returns a key of 32 bytes for another purpose than block signatures.
// Different labels give unrelated keys, so that what is made for one purpose
// is worthless for another.
func (s *Signer) Derive(label string) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(label))
	return m.Sum(nil)
}
