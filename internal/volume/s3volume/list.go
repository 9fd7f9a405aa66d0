// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxPage is the largest page of a listing that is read.
const maxPage = 8 << 20

var errOrder = errors.New("the listing is not in the order of its keys, or does not advance")

// entry is one object of a listing.
type entry struct {
	Key          string
	Size         int64
	LastModified time.Time
}

type page struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           bool
	NextContinuationToken string
	Contents              []entry
}

// list yields the objects whose keys begin with prefix, in order, and ends
// after the first error.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
func (c *client) list(ctx context.Context, prefix string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		last, token := "", ""
		for {
			p, err := c.page(ctx, prefix, token)
			if err != nil {
				yield(entry{}, err)
				return
			}
			for _, e := range p.Contents {
				if e.Key <= last || !strings.HasPrefix(e.Key, prefix) {
					yield(entry{}, errOrder)
					return
				}
				last = e.Key
				if !yield(e, nil) {
					return
				}
			}
			if !p.IsTruncated {
				return
			}
			if p.NextContinuationToken == "" || p.NextContinuationToken == token {
				yield(entry{}, errOrder)
				return
			}
			token = p.NextContinuationToken
		}
	}
}

// page reads one page whole, so that one that breaks off is asked for again
// before any of it is used.
func (c *client) page(ctx context.Context, prefix, token string) (page, error) {
	query := url.Values{"list-type": {"2"}, "max-keys": {"1000"}}
	if prefix != "" {
		query.Set("prefix", prefix)
	}
	if token != "" {
		query.Set("continuation-token", token)
	}
	var p page
	err := c.do(ctx, request{method: http.MethodGet, query: query}, func(reply *http.Response) error {
		p = page{}
		return xml.NewDecoder(io.LimitReader(reply.Body, maxPage)).Decode(&p)
	})
	return p, err
}
