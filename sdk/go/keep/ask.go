// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// maxAnswer bounds the JSON of an answer in bytes.
const maxAnswer = 8 << 20

// Ask sends a GET to a route of keepstore's own, such as "s3/access"
// (docs/protocol.md), and decodes the JSON that it answers with. Services that
// have no such route are passed over.
func (c *Client) Ask(ctx context.Context, path string, query url.Values, into any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.ask(ctx, locator.Locator{}, func(s service) error {
		a, err := c.do(ctx, s, http.MethodGet, path, http.Header{"Accept": {"application/json"}}, nil)
		if err != nil {
			return err
		}
		defer a.Close()
		if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
			return a.refused("the question cannot be answered")
		}
		text, err := io.ReadAll(io.LimitReader(a, maxAnswer+1))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, into); err != nil || len(text) > maxAnswer {
			return fault(BadReply, err, "the Keep service %s answers with something else than the JSON that was asked for", s.url)
		}
		return nil
	})
}
