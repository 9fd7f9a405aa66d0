// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator

import (
	"log/slog"
	"strconv"
	"strings"
)

// Opaque is the hash of an opaque pseudo-block: 32 times "f".
const Opaque Hash = "ffffffffffffffffffffffffffffffff"

// Empty is the locator of the block of no bytes. It is written for every
// empty object; a size of 0 never reaches S3.
const Empty = "d41d8cd98f00b204e9800998ecf8427e+0"

// MaxLength is the longest locator accepted, in bytes. The longest legal one
// (a 1,024-byte key and a 1,024-byte version id, every byte percent-encoded)
// needs about 8.5 KiB; content form may hold several.
const MaxLength = 32 << 10

// Hash is 32 lower-case hexadecimal digits.
type Hash string

// Locator is one parsed block locator. It is a comparable value; two locators
// are equal when they print alike. The zero value is invalid.
type Locator struct {
	hash Hash
	size int64
	// refs, service and others hold their hints with the leading "+".
	refs    string
	verify  bool
	service string
	others  string
	sig     Signature
}

// Ref is one pair of +B and +C hints, still encoded.
type Ref struct {
	// B is the base64url text after "+B".
	B string
	// C is the offset in bytes, after "+C".
	C int64
}

// New returns the locator of a block of size bytes. Only hash and size are
// set; use the With methods to add hints.
func New(hash Hash, size int64) (Locator, error) {
	if !isHash(string(hash)) {
		return Locator{}, bad("the hash must be 32 lower-case hexadecimal digits")
	}
	if size < 0 {
		return Locator{}, bad("the size must not be negative")
	}
	return Locator{hash: hash, size: size}, nil
}

// Hash returns the 32 digits before the size.
func (l Locator) Hash() Hash { return l.hash }

// Size returns the length of the block in bytes.
func (l Locator) Size() int64 { return l.size }

// IsZero reports whether l is the invalid zero value.
func (l Locator) IsZero() bool { return l.hash == "" }

// Refs returns the +B/+C pairs in order: one for opaque and derived form,
// one or more (alternatives) for content form, none for an ordinary block.
func (l Locator) Refs() []Ref {
	var refs []Ref
	for rest := l.refs; rest != ""; {
		var r Ref
		r, rest = cutRef(rest)
		refs = append(refs, r)
	}
	return refs
}

// cutRef splits the first pair off "+B…+C…+B…+C…", which Parse and WithRef
// have checked.
func cutRef(refs string) (first Ref, rest string) {
	b, after, _ := strings.Cut(refs[len("+B"):], "+C")
	end := strings.IndexByte(after, '+')
	if end < 0 {
		end = len(after)
	}
	offset, _ := strconv.ParseInt(after[:end], 10, 64)
	return Ref{B: b, C: offset}, after[end:]
}

// Verified reports whether the hint +Vmd5 is present, which says that the
// hash is the MD5 of the bytes (content form).
func (l Locator) Verified() bool { return l.verify }

// Signature returns the permission signature, zero when there is none.
func (l Locator) Signature() Signature { return l.sig }

// HasHint reports whether a hint that begins with letter is present among the
// hints that this package has no meaning for (so not A, B, C, K, V).
func (l Locator) HasHint(letter byte) bool {
	return strings.Contains(l.others, "+"+string(letter))
}

// Unsigned returns l without its permission signature.
func (l Locator) Unsigned() Locator {
	l.sig = Signature{}
	return l
}

// WithSignature returns l with sig in place of any earlier signature.
func (l Locator) WithSignature(sig Signature) Locator {
	l.sig = sig
	return l
}

// WithRef returns l with one more +B/+C pair. It panics when r is not one that
// [Object.Encode] or [Locator.Refs] can give (characters outside base64url, a
// negative offset), because the result would print as another locator.
func (l Locator) WithRef(r Ref) Locator {
	if r.B == "" || !isHint("B"+r.B) || r.C < 0 {
		panic("locator: WithRef of a pair that no locator can hold")
	}
	l.refs += "+B" + r.B + "+C" + strconv.FormatInt(r.C, 10)
	return l
}

// WithVerify returns l marked as content form by +Vmd5.
func (l Locator) WithVerify() Locator {
	l.verify = true
	return l
}

// WithService returns l with the service hint +K@uuid in place of earlier
// ones; an empty uuid changes nothing. It panics when uuid holds a character
// that a hint cannot: check configuration with [CheckService] first.
func (l Locator) WithService(uuid string) Locator {
	if uuid == "" {
		return l
	}
	if err := CheckService(uuid); err != nil {
		panic("locator: WithService: " + err.Error())
	}
	l.service = "+K@" + uuid
	return l
}

// CheckService reports why uuid cannot stand in a +K@ hint, or nil.
func CheckService(uuid string) error {
	if uuid == "" || !isHint("K@"+uuid) {
		return bad("%q is not the uuid of a Keep service, such as zzzzz-bi6l4-000000000000000", clip(uuid))
	}
	return nil
}

// String prints l in the canonical order. It is the inverse of [Parse].
func (l Locator) String() string {
	var b strings.Builder
	b.Grow(len(l.refs) + len(l.service) + len(l.others) + 112)
	b.WriteString(string(l.hash))
	b.WriteByte('+')
	b.WriteString(strconv.FormatInt(l.size, 10))
	b.WriteString(l.refs)
	if l.verify {
		b.WriteString("+Vmd5")
	}
	b.WriteString(l.service)
	b.WriteString(l.others)
	b.WriteString(l.sig.hint())
	return b.String()
}

// LogValue shows l in logs without its signature.
func (l Locator) LogValue() slog.Value { return slog.StringValue(l.Unsigned().String()) }

// Stripped returns hash+size. For a portable data hash use
// [Locator.Reduced]: stripped, all opaque pseudo-blocks of one size are alike.
func (l Locator) Stripped() string {
	return string(l.hash) + "+" + strconv.FormatInt(l.size, 10)
}
