// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"

	"github.com/arvados-s3/keepstore/creds"
)

const (
	linksPerPage = 1000
	maxLinks     = 10_000
)

type link struct {
	Class    string `json:"link_class"`
	Name     string `json:"name"`
	TailUUID string `json:"tail_uuid"`
	HeadUUID string `json:"head_uuid"`
}

// askLinks hands each link to accept, which says whether it was asked for: a
// server that ignores the filters must not give anyone a right.
func (c *Client) askLinks(ctx context.Context, token creds.Secret, filters [][]any, accept func(link) bool) error {
	for seen := 0; ; {
		page, err := c.askLinkPage(ctx, token, filters, seen)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, l := range page {
			if !accept(l) {
				return unavailable(errors.New("the API server lists links that were not asked for"))
			}
		}
		if seen += len(page); seen > maxLinks {
			return unavailable(errors.New("the API server lists more permission links of one user than can be right"))
		}
	}
}

// askLinkPage returns one page; an empty one ends the list, since a server
// may answer with fewer items than it was asked for.
func (c *Client) askLinkPage(ctx context.Context, token creds.Secret, filters [][]any, offset int) ([]link, error) {
	text, err := json.Marshal(filters)
	if err != nil {
		return nil, unavailable(err)
	}
	query := url.Values{
		"filters": {string(text)},
		"select":  {`["link_class","name","tail_uuid","head_uuid"]`},
		"order":   {`["uuid asc"]`},
		"count":   {"none"},
		"limit":   {strconv.Itoa(linksPerPage)},
		"offset":  {strconv.Itoa(offset)},
	}
	var reply struct{ Items *[]link }
	if err := c.get(ctx, token, "/arvados/v1/links", query, &reply); err != nil {
		return nil, err
	}
	if reply.Items == nil {
		return nil, unavailable(errors.New("the API server's list of links lacks items"))
	}
	return *reply.Items, nil
}
