// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/arvados-s3/keepstore/creds"
)

// prefixesProperty is the property of collections that sdk/go/collection
// writes: all folders in S3 in which they have objects.
const prefixesProperty = "properties.arv:s3_prefixes"

// CountCollections returns how many collections that the token can read record
// a folder in S3, such as "s3://bucket/a/", as one where they have objects: in
// one request, which brings none of them. With past, those in the trash count
// too, and each old version that the API server keeps. Nothing is remembered.
func (c *Client) CountCollections(ctx context.Context, token creds.Secret, folder string, past bool) (int64, error) {
	if err := checkToken(token.Reveal()); err != nil {
		return 0, err
	}
	filters, err := json.Marshal([][]string{{prefixesProperty, "contains", folder}})
	if err != nil {
		return 0, unavailable(err)
	}
	query := url.Values{"filters": {string(filters)}, "select": {`["uuid"]`}, "count": {"exact"}, "limit": {"0"}}
	if past {
		query.Set("include_trash", "true")
		query.Set("include_old_versions", "true")
	}
	var reply struct {
		Available *int64 `json:"items_available"`
	}
	if err := c.get(ctx, token, "/arvados/v1/collections", query, &reply); err != nil {
		return 0, err
	}
	if reply.Available == nil || *reply.Available < 0 {
		return 0, unavailable(errors.New("the API server's list of collections lacks items_available"))
	}
	return *reply.Available, nil
}
