// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock

import (
	"fmt"
	"iter"

	"github.com/arvados-s3/keepstore/locator"
)

// Sizes, in bytes.
const (
	// MaxSize is the largest extent accepted: the largest S3 object.
	MaxSize int64 = 50e12
	// MaxContent is the largest block in content form, which is buffered
	// until its hash is known: the block size of Keep.
	MaxContent int64 = 64 << 20
	// Cut is where import cuts objects for opaque and derived form. Stock
	// components refuse a collection with a block of 2 GiB or more.
	Cut int64 = 1 << 30
)

// MaxAlternatives is the largest number of extents that one block of content
// form may name. It bounds the requests that one read can cause.
const MaxAlternatives = 16

// Extent is Size bytes from Offset of one object version. It is comparable.
type Extent struct {
	Object locator.Object
	Offset int64
	Size   int64
}

// End returns the offset of the first byte after the extent.
func (e Extent) End() int64 { return e.Offset + e.Size }

// Slice returns the part of e that begins at offset and has size bytes. The
// caller guarantees 0 ≤ offset, 0 < size and offset+size ≤ e.Size.
func (e Extent) Slice(offset, size int64) Extent {
	e.Offset += offset
	e.Size = size
	return e
}

// Ref returns the +B/+C pair of e.
func (e Extent) Ref() locator.Ref { return locator.Ref{B: e.Object.Encode(), C: e.Offset} }

// Check reports the first rule that e breaks, or nil: a pinned object, a
// size from 1 to [MaxSize], an offset that is not negative.
func (e Extent) Check() error {
	if err := e.Object.Check(); err != nil {
		return err
	}
	return checkRange(e.Offset, e.Size)
}

func checkRange(offset, size int64) error {
	switch {
	case size <= 0:
		return badf("a pseudo-block must have at least one byte; the empty block is %s", locator.Empty)
	case size > MaxSize:
		return &Error{Kind: TooLarge, Text: fmt.Sprintf("a pseudo-block of %d bytes is larger than the largest S3 object (%d bytes)", size, MaxSize)}
	case offset < 0:
		return badf("the offset must not be negative")
	case offset+size < 0:
		return badf("offset %d + size %d does not fit 63 bits", offset, size)
	}
	return nil
}

// Split cuts an object of size bytes at multiples of cut and yields the
// extents in order. They tile [0, size) with no gap and no overlap. An empty
// object yields nothing; a cut of 0 or less means one piece.
func Split(o locator.Object, size, cut int64) iter.Seq[Extent] {
	if cut <= 0 {
		cut = size
	}
	return func(yield func(Extent) bool) {
		for done := int64(0); done < size; {
			e := Extent{Object: o, Offset: done, Size: min(cut, size-done)}
			if !yield(e) {
				return
			}
			done = e.End()
		}
	}
}

// Merge joins neighbours that follow each other in one object, as long as the
// result has at most most bytes, and returns the shorter list. It is for
// extents that are not signed yet: joining makes a new identity.
func Merge(extents []Extent, most int64) []Extent {
	var out []Extent
	for _, e := range extents {
		if n := len(out) - 1; n >= 0 && joins(out[n], e, most) {
			out[n].Size += e.Size
			continue
		}
		out = append(out, e)
	}
	return out
}

func joins(a, b Extent, most int64) bool {
	return a.Object == b.Object && a.End() == b.Offset && a.Size <= most-b.Size
}
