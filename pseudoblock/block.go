// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock

import (
	"fmt"
	"slices"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// Form is how an extent is written as a locator.
type Form int

// The three forms.
const (
	Opaque Form = iota + 1
	Derived
	Content
)

var formNames = [...]string{Opaque: "opaque", Derived: "derived", Content: "content"}

// String returns "opaque", "derived" or "content".
func (f Form) String() string {
	if f < Opaque || f > Content {
		return "unknown"
	}
	return formNames[f]
}

// ParseForm is the inverse of [Form.String].
func ParseForm(name string) (Form, error) {
	for f := Opaque; f <= Content; f++ {
		if name == f.String() {
			return f, nil
		}
	}
	return 0, badf("the form %.20q is not one of opaque, derived, content", name)
}

// Block is what a pseudo-block locator names.
type Block struct {
	Form Form
	// Identity is the identity hash, or in content form the MD5 of the bytes.
	Identity locator.Hash
	Size     int64
	// Extents has one element, or in content form one or more alternatives
	// that hold the same bytes, to be tried in order.
	Extents []Extent
}

// Is reports whether l has the marks of a pseudo-block: a +B hint or the
// opaque hash. A pseudo-block that lost its hints is still one, so that
// the reader is told what happened to it.
func Is(l locator.Locator) bool {
	return l.Hash() == locator.Opaque || len(l.Refs()) > 0
}

// FromLocator returns the block that l names, or an [*Error] or
// [*locator.Error]. It refuses a hash that is neither opaque nor the identity
// of the reference, which is what an edited locator has.
func FromLocator(l locator.Locator) (Block, error) {
	refs := l.Refs()
	if err := checkHints(l, len(refs)); err != nil {
		return Block{}, err
	}
	b := Block{Identity: l.Identity(), Size: l.Size(), Extents: make([]Extent, 0, len(refs))}
	if err := b.setForm(l); err != nil {
		return Block{}, err
	}
	for _, r := range refs {
		if err := checkRange(r.C, l.Size()); err != nil {
			return Block{}, err
		}
		o, err := locator.DecodeObject(r.B)
		if err != nil {
			return Block{}, err
		}
		e := Extent{Object: o, Offset: r.C, Size: l.Size()}
		if slices.Contains(b.Extents, e) {
			return Block{}, badf("the block names one extent twice")
		}
		b.Extents = append(b.Extents, e)
	}
	return b, nil
}

func checkHints(l locator.Locator, refs int) error {
	switch {
	case refs == 0 && l.Hash() != locator.Opaque:
		return badf("%s is an ordinary block, not a reference into S3: it has no +B hint", l.Stripped())
	case refs == 0:
		return badf("this block has lost its +B hint, for example in arv-copy or a stripped manifest: import the object again")
	case refs > 1 && !l.Verified():
		return badf("a block of opaque or derived form names one extent, not %d", refs)
	case refs > MaxAlternatives:
		return badf("a block names at most %d alternatives, not %d", MaxAlternatives, refs)
	case l.HasHint('R'):
		return badf("a pseudo-block cannot have a remote hint (+R)")
	}
	return nil
}

func (b *Block) setForm(l locator.Locator) error {
	switch {
	case l.Verified():
		b.Form = Content
		if l.Hash() == locator.Opaque {
			return badf("a block of content form (+Vmd5) must carry the MD5 of its bytes, not 32 times \"f\"")
		}
		if l.Size() > MaxContent {
			return &Error{Kind: TooLarge, Text: fmt.Sprintf("a block of content form has at most %d bytes, not %d", MaxContent, l.Size())}
		}
	case l.Hash() == locator.Opaque:
		b.Form = Opaque
	case l.Hash() == b.Identity:
		b.Form = Derived
	default:
		return badf("the hash %s is not the identity of this reference: the locator was edited", l.Hash())
	}
	return nil
}

// Locator writes e in opaque or derived form, without signature.
func (e Extent) Locator(f Form) (locator.Locator, error) {
	if err := e.Check(); err != nil {
		return locator.Locator{}, err
	}
	ref := e.Ref()
	hash := locator.Opaque
	switch f {
	case Opaque:
	case Derived:
		hash = locator.Identity(e.Size, ref)
	default:
		return locator.Locator{}, badf("%s form needs the MD5 of the bytes", f)
	}
	l, err := locator.New(hash, e.Size)
	if err != nil {
		return locator.Locator{}, err
	}
	return l.WithRef(ref), nil
}

// ContentLocator writes alternatives that all hold bytes of the given MD5 in
// content form, without signature. They must have one size, of at most
// [MaxContent].
func ContentLocator(md5 locator.Hash, alternatives ...Extent) (locator.Locator, error) {
	if len(alternatives) == 0 {
		return locator.Locator{}, badf("content form needs at least one extent")
	}
	l, err := locator.New(locator.Hash(strings.ToLower(string(md5))), alternatives[0].Size)
	if err != nil {
		return locator.Locator{}, err
	}
	for _, e := range alternatives {
		if err := e.Check(); err != nil {
			return locator.Locator{}, err
		}
		if e.Size != l.Size() {
			return locator.Locator{}, badf("alternatives of one block must have one size, not %d and %d", l.Size(), e.Size)
		}
		l = l.WithRef(e.Ref())
	}
	l = l.WithVerify()
	if _, err := FromLocator(l); err != nil {
		return locator.Locator{}, err
	}
	return l, nil
}
