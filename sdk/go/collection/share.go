// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// Level is how much somebody may do with a collection.
type Level string

// The values of [Level]. Each allows what those before it do.
const (
	CanRead   Level = "can_read"
	CanWrite  Level = "can_write"
	CanManage Level = "can_manage" // also share it
)

// Share is a permission of a user, or of the members of a group, to use a
// collection: a permission link of the API server.
type Share struct {
	UUID string `json:"uuid"`
	// With is the UUID of the user or group.
	With  string `json:"tail_uuid"`
	Level Level  `json:"name"`
}

const (
	linksPath       = "arvados/v1/links"
	permissionsPath = "arvados/v1/permissions/"
	sharesPerPage   = 1000
)

// Shares lists with whom a stored collection is shared, in the order of their
// UUIDs. Only those who may manage it may ask. Those who may use it because
// they may use the project that it lies in are not among them.
func (c *Client) Shares(ctx context.Context, uuid string) ([]Share, error) {
	if err := checkStored(uuid); err != nil {
		return nil, err
	}
	var all []Share
	for {
		var page struct {
			Items     []Share
			Available int `json:"items_available"`
		}
		params := api.Params{"limit": sharesPerPage, "offset": len(all)}
		if err := c.api.Call(ctx, http.MethodGet, permissionsPath+uuid, params, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if len(page.Items) == 0 || len(all) >= page.Available { // a stock server sends all at once
			slices.SortFunc(all, func(a, b Share) int { return strings.Compare(a.With+a.UUID, b.With+b.UUID) })
			return all, nil
		}
	}
}

// Share lets a user, or the members of a group, use a stored collection at
// just this level: what they were allowed by other links to it is changed.
func (c *Client) Share(ctx context.Context, uuid, with string, level Level) (Share, error) {
	if !hasUUID(with, "tpzed") && !hasUUID(with, "j7d0g") {
		return Share{}, fault(BadSource, "%s is no UUID of a user or a group", quote(with))
	}
	known, err := c.sharesWith(ctx, uuid, with)
	if err != nil {
		return Share{}, err
	}
	link := map[string]any{"link_class": "permission", "name": level, "tail_uuid": with, "head_uuid": uuid}
	if i := slices.IndexFunc(known, func(s Share) bool { return s.Level == level }); i >= 0 {
		kept := known[i]
		_, err := c.endShares(ctx, slices.Delete(known, i, i+1))
		return kept, err
	}
	if len(known) == 0 {
		var made Share
		err = c.api.Call(ctx, http.MethodPost, linksPath, api.Params{"link": link}, &made)
		return made, err
	}
	changed := Share{}
	link = map[string]any{"name": level}
	if err := c.api.Call(ctx, http.MethodPatch, linksPath+"/"+known[0].UUID, api.Params{"link": link}, &changed); err != nil {
		return Share{}, err
	}
	_, err = c.endShares(ctx, known[1:])
	return changed, err
}

// Unshare ends what [Client.Share] allowed a user or group, and returns what
// that was. What they may do as members of a group, or by the project of the
// collection, stays.
func (c *Client) Unshare(ctx context.Context, uuid, with string) ([]Share, error) {
	known, err := c.sharesWith(ctx, uuid, with)
	if err != nil {
		return nil, err
	}
	return c.endShares(ctx, known)
}

func (c *Client) sharesWith(ctx context.Context, uuid, with string) ([]Share, error) {
	all, err := c.Shares(ctx, uuid)
	return slices.DeleteFunc(all, func(s Share) bool { return s.With != with }), err
}

// endShares returns those that it ended.
func (c *Client) endShares(ctx context.Context, shares []Share) ([]Share, error) {
	for i, s := range shares {
		if err := c.api.Call(ctx, http.MethodDelete, linksPath+"/"+s.UUID, nil, nil); err != nil {
			return shares[:i], err
		}
	}
	return shares, nil
}

// checkStored refuses what is not the UUID of a collection. Other things can
// be shared, too, and a scope of a token must not be longer than was meant.
func checkStored(uuid string) error {
	if !hasUUID(uuid, "4zz18") {
		return fault(BadSource, "%s is no UUID of a collection: what is shared is a stored collection, named by its UUID", quote(uuid))
	}
	return nil
}

// hasUUID reports whether text is an Arvados UUID of the type.
func hasUUID(text, infix string) bool {
	return regexp.MustCompile(`^[0-9a-z]{5}-` + infix + `-[0-9a-z]{15}$`).MatchString(text)
}
