// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"fmt"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// CheckFits reports, as an [*Error], why an extent cannot be read from the
// object that info describes: it reaches beyond the end ([PastEnd]), or the
// object is archived ([Archived]), which S3 tells a GET but not a HEAD.
func CheckFits(e pseudoblock.Extent, info Info) error {
	if e.End() > info.Size {
		return &Error{Kind: PastEnd, Op: "head", Object: e.Object, Text: pastEndText(e.Object, e.Offset, e.Size, info.Size)}
	}
	if info.Archived {
		text := archivedText(e.Object, word(info.StorageClass, false))
		if info.Outlook != nil && info.Outlook.Restoring {
			text = name(e.Object) + " is being restored from an archive storage class: try again when that is done"
		}
		return &Error{Kind: Archived, Op: "head", Object: e.Object, Text: text}
	}
	return nil
}

func archivedText(o locator.Object, class string) string {
	if class != "" {
		class = " (" + class + ")"
	}
	return fmt.Sprintf("%s is in an archive storage class%s: restore it first", name(o), class)
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
