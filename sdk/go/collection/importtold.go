// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"cmp"
	"maps"
	"slices"

	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// Requests counts what S3 was asked for, by what such requests are charged as.
// The server counts each that it sent, retries included; what it sent after
// the last point from which a broken-off answer went on is not in it.
type Requests struct {
	List int64 `json:"list"`
	Head int64 `json:"head"`
	Get  int64 `json:"get"`
	// RequesterPays says that an access rule accepts the charge of a bucket
	// whose requesters pay: that account pays that the credentials belong to.
	RequesterPays bool `json:"requester_pays,omitempty"`
}

// OwnerCount counts what one owner has among the imported objects.
type OwnerCount struct {
	// ID is the canonical user id on AWS, and empty for what S3 tells no owner of:
	// single objects, since HEAD does not tell.
	ID string `json:"id"`
	// Name is what S3 calls the owner, if it does. AWS does not.
	Name  string `json:"name,omitempty"`
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes"`
}

// tell counts a file for the result.
func (im *importing) tell(l line) {
	im.result.Classes[l.StorageClass]++
	im.result.Pieces += l.Size / keep.MaxBlock
	if l.Size%keep.MaxBlock > 0 {
		im.result.Pieces++
	}
	if !im.o.Owners {
		return
	}
	if im.owners == nil {
		im.owners = map[string]OwnerCount{}
	}
	o := im.owners[l.Owner]
	im.owners[l.Owner] = OwnerCount{ID: l.Owner, Name: cmp.Or(o.Name, l.OwnerName), Files: o.Files + 1, Bytes: o.Bytes + l.Size}
}

// owned lists the owners, those with most files first.
func (im *importing) owned() []OwnerCount {
	return slices.SortedFunc(maps.Values(im.owners), func(a, b OwnerCount) int {
		return cmp.Or(cmp.Compare(b.Files, a.Files), cmp.Compare(a.ID, b.ID))
	})
}
