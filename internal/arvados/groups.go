// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"slices"
	"time"

	"github.com/arvados-s3/keepstore/creds"
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
	filters := [][]any{{"link_class", "=", "permission"}, {"tail_uuid", "=", userUUID}}
	err := c.askLinks(ctx, token, filters, func(l link) bool {
		if isUUID(l.HeadUUID, "j7d0g") {
			groups = append(groups, l.HeadUUID)
		}
		return l.Class == "permission" && l.TailUUID == userUUID
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}
