// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/arvados-s3/keepstore/creds"
)

const (
	linksPerPage = 1000
	maxLinks     = 10_000
)

// Groups returns the UUIDs of the groups that the user has a permission link
// to, sorted. The token must be one with scope "all" of that user.
func (c *Client) Groups(ctx context.Context, token creds.Secret, userUUID string) ([]string, error) {
	if err := checkToken(token.Reveal()); err != nil {
		return nil, err
	}
	groups, err := c.groups.get(ctx, cacheKey(token, userUUID), func(ctx context.Context) ([]string, time.Time, error) {
		found, err := c.askGroups(ctx, token, userUUID)
		return found, time.Time{}, err
	})
	return slices.Clone(groups), err
}

func (c *Client) askGroups(ctx context.Context, token creds.Secret, userUUID string) ([]string, error) {
	var groups []string
	for seen := 0; ; {
		page, err := c.askLinks(ctx, token, userUUID, seen)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			slices.Sort(groups)
			return slices.Compact(groups), nil
		}
		for _, l := range page {
			if isUUID(l.HeadUUID, "j7d0g") {
				groups = append(groups, l.HeadUUID)
			}
		}
		if seen += len(page); seen > maxLinks {
			return nil, unavailable(errors.New("the API server lists more permission links of one user than can be right"))
		}
	}
}

type link struct {
	Class    string `json:"link_class"`
	TailUUID string `json:"tail_uuid"`
	HeadUUID string `json:"head_uuid"`
}

// askLinks returns one page; an empty one ends the list, since a server may
// answer with fewer items than it was asked for.
func (c *Client) askLinks(ctx context.Context, token creds.Secret, userUUID string, offset int) ([]link, error) {
	filters, err := json.Marshal([][]string{{"link_class", "=", "permission"}, {"tail_uuid", "=", userUUID}})
	if err != nil {
		return nil, unavailable(err)
	}
	query := url.Values{
		"filters": {string(filters)},
		"select":  {`["link_class","tail_uuid","head_uuid"]`},
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
	// A server that ignores the filters must not make anyone a member.
	for _, l := range *reply.Items {
		if l.Class != "permission" || l.TailUUID != userUUID {
			return nil, unavailable(errors.New("the API server lists links that were not asked for"))
		}
	}
	return *reply.Items, nil
}
