// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"fmt"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// CheckFits reports, as an [*Error] of kind [PastEnd], when an extent reaches
// beyond the end of the object that info describes.
func CheckFits(e pseudoblock.Extent, info Info) error {
	if e.End() <= info.Size {
		return nil
	}
	return &Error{Kind: PastEnd, Op: "head", Object: e.Object, Text: pastEndText(e.Object, e.Offset, e.Size, info.Size)}
}

// pastEndText is the sentence of [PastEnd]; a negative total is not known.
func pastEndText(o locator.Object, offset, size, total int64) string {
	length := "the object is shorter"
	if total >= 0 {
		length = fmt.Sprintf("the object has only %d", total)
	}
	return fmt.Sprintf("the block reaches to byte %d (offset %d + size %d) of %s, but %s: the reference is wrong, import the object again",
		offset+size, offset, size, name(o), length)
}
