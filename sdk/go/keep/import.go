// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// Import sends a request to POST /s3/import (docs/protocol.md) and returns
// the NDJSON answer, which the caller must close. Services that know no
// imports are passed over.
func (c *Client) Import(ctx context.Context, body []byte) (io.ReadCloser, error) {
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/x-ndjson"}}
	var found *answer
	err := c.ask(ctx, locator.Locator{}, func(s service) error {
		a, err := c.do(ctx, s, http.MethodPost, "s3/import", header, body)
		if err != nil {
			return err
		}
		if a.StatusCode == http.StatusOK && a.Header.Get("Content-Type") == "application/x-ndjson" {
			a.limit = max(a.limit, 5*time.Minute) // S3 may list long before there is a line to tell
			found = a
			return nil
		}
		defer a.Close()
		return a.refused("S3 objects cannot be imported")
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}
