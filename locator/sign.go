// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Signature is the value of a +A hint: an HMAC and its expiry. It is
// comparable; the zero value means "not signed". It prints as a fixed text,
// so that it cannot reach a log by accident.
type Signature struct {
	mac    string // 40 hex digits
	expiry string // 8 hex digits, Unix time in seconds
}

// String hides the signature.
func (s Signature) String() string { return "[signature]" }

// GoString hides the signature.
func (s Signature) GoString() string { return s.String() }

// Expiry returns the time until which s is valid.
func (s Signature) Expiry() time.Time {
	seconds, _ := strconv.ParseInt(s.expiry, 16, 64) // 8 hex digits always fit
	return time.Unix(seconds, 0)
}

func (s Signature) hint() string {
	if s == (Signature{}) {
		return ""
	}
	return "+A" + s.mac + "@" + s.expiry
}

func parseSignature(text string) (Signature, error) {
	if len(text) != 49 || text[40] != '@' || !isHex(text[:40]) || !isHex(text[41:]) {
		return Signature{}, errSignatureForm()
	}
	return Signature{mac: text[:40], expiry: text[41:]}, nil
}

func errSignatureForm() error {
	return bad("a +A hint must be 40 hexadecimal digits, @ and 8 hexadecimal digits")
}

// isHex allows upper case, as Arvados does; such a signature never verifies.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (s[i] < '0' || s[i] > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Signer makes and checks permission signatures with the cluster's
// BlobSigningKey. The algorithm is that of Arvados
// (sdk/go/arvados/blob_signature.go): HMAC-SHA1 over
// hash@token@expiry@ttl. A Signer prints as a fixed text.
type Signer struct {
	key []byte
	ttl time.Duration
}

// NewSigner returns a Signer. The key must not be empty, and the ttl, which
// is part of what is signed, must be at least one second.
func NewSigner(key []byte, ttl time.Duration) (*Signer, error) {
	if len(key) == 0 {
		return nil, fmt.Errorf("the blob signing key is empty")
	}
	if ttl < time.Second {
		return nil, fmt.Errorf("the blob signing TTL of %v is shorter than a second", ttl)
	}
	return &Signer{key: append([]byte(nil), key...), ttl: ttl}, nil
}

// String hides the key.
func (s Signer) String() string { return "[signer]" }

// GoString hides the key.
func (s Signer) GoString() string { return s.String() }

// TTL returns how long a signature made now should last.
func (s *Signer) TTL() time.Duration { return s.ttl }

// Sign returns l with a signature over its identity for token, valid until
// expiry. Any earlier signature is replaced. As in Arvados, an empty token
// gives an unsigned locator. An expiry that does not fit the 8 digits becomes
// the nearest one that does (the last is in the year 2106).
func (s *Signer) Sign(l Locator, token string, expiry time.Time) Locator {
	if token == "" {
		return l.Unsigned()
	}
	at := fmt.Sprintf("%08x", min(max(expiry.Unix(), 0), math.MaxUint32))
	return l.WithSignature(Signature{mac: s.mac(l.Identity(), token, at), expiry: at})
}

// Verify checks the signature of l against its identity, token and now. The
// error is an [*Error] of kind [BadSignature] or [SignatureExpired]; as in
// Arvados, expiry is looked at first.
func (s *Signer) Verify(l Locator, token string, now time.Time) error {
	return s.VerifyHash(l.Identity(), l.sig, token, now)
}

// VerifyHash is Verify for a hash that the caller chooses. A stock API server
// signs an opaque locator over its constant hash, so this tells such a
// signature from a wrong one.
func (s *Signer) VerifyHash(hash Hash, sig Signature, token string, now time.Time) error {
	switch {
	case sig == Signature{}:
		return &Error{Kind: BadSignature, Text: "the locator has no permission signature (+A): fetch the collection again with your token"}
	case sig.Expiry().Before(now):
		return &Error{Kind: SignatureExpired, Text: "the permission signature has expired: re-fetch the collection and try again"}
	case !hmac.Equal([]byte(s.mac(hash, token, sig.expiry)), []byte(sig.mac)):
		return &Error{Kind: BadSignature, Text: "the permission signature does not fit this locator and token: the manifest may be from another token or cluster, or the locator was edited"}
	}
	return nil
}

func (s *Signer) mac(hash Hash, token, expiry string) string {
	text := make([]byte, 0, 256)
	for _, part := range [...]string{string(hash), token, expiry} {
		text = append(append(text, part...), '@')
	}
	text = strconv.AppendInt(text, int64(s.ttl/time.Second), 16)
	m := hmac.New(sha1.New, s.key)
	m.Write(text)
	return hex.EncodeToString(m.Sum(nil))
}
