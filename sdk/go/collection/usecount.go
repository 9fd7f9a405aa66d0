// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"net/url"
)

// UseCount tells how many collections have objects in a folder of S3, also of
// those that the caller may not see.
type UseCount struct {
	// Folder is such as s3://bucket/a/.
	Folder string `json:"folder"`
	// Now counts collections that are current and not in the trash.
	Now Count `json:"now"`
	// Ever counts those in the trash, too, and each old version that the API
	// server keeps.
	Ever Count `json:"ever"`
}

// Count is how many there are, and how many of them the caller may see.
type Count struct {
	All     int64 `json:"all"`
	Visible int64 `json:"visible"`
}

// Hidden is how many of them the caller may not see.
func (c Count) Hidden() int64 { return max(0, c.All-c.Visible) }

// CountUses asks keepstore how many collections have objects where an S3 URL
// points to, those that [Client.WhereUsed] cannot find included, since the
// caller may not see them. It tells numbers only, for folders only: that of
// the URL, or in which the object lies, and then, if that is another and the
// caller may import all of it, the one that the access rule covers. The first
// may be too low: a collection with objects in more than [MaxPrefixes] folders
// does not record the deepest.
//
// Counted is what collections record in [PrefixesProperty]. It takes the right
// to import what is there, and a keepstore that has the system root token.
// After an error nothing is known, which is not the same as none.
func (c *Client) CountUses(ctx context.Context, s3URL string) ([]UseCount, error) {
	if _, err := parseWanted(s3URL); err != nil {
		return nil, err
	}
	var reply struct {
		Folders []UseCount `json:"folders"`
	}
	if err := c.keep.Ask(ctx, "s3/uses", url.Values{"url": {s3URL}}, &reply); err != nil {
		return nil, err
	}
	if len(reply.Folders) == 0 {
		return nil, fault("keep-bad-reply", "keepstore does not tell how many collections use %s", quote(s3URL))
	}
	return reply.Folders, nil
}
