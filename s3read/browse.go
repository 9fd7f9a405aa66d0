// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"context"
	"net/url"
	"slices"

	"github.com/arvados-s3/keepstore/creds"
)

// Page is one page of a folder.
type Page struct {
	// Folders are the full prefixes, each ending with "/".
	Folders []string
	// Objects are the current objects, without versions.
	Objects []Info
	// Next is the cursor of the next page, or empty.
	Next string
}

// Browse lists what is directly below prefix, as if "/" separated folders.
// The cursor is empty, or Next of the page before.
func (r *Reader) Browse(ctx context.Context, access creds.Access, bucket, prefix, cursor string) (Page, error) {
	query := url.Values{"list-type": {"2"}, "delimiter": {"/"}, "encoding-type": {"url"}, "max-keys": {"1000"}}
	if prefix != "" {
		query.Set("prefix", prefix)
	}
	if cursor != "" {
		query.Set("continuation-token", cursor)
	}
	p, err := r.page(ctx, access, bucket, prefix, query)
	if err != nil {
		return Page{}, err
	}
	out := Page{Folders: slices.Clone(p.folders)}
	for _, v := range p.versions {
		if !v.Undecodable {
			out.Objects = append(out.Objects, v.Info)
		}
	}
	if p.truncated {
		out.Next = p.nextToken
	}
	return out, nil
}
