// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
)

const itemsPerPage = 1000

// All goes through all items of a list, whatever its length, in the order of
// their UUIDs. It asks for one page after the other, each for what comes after
// the last UUID, so that nothing is missed or given twice while others change
// things. params may have filters, which must be a [][]any, and select, which
// must name uuid; All sets limit, order and count itself. After an error it
// ends.
func (c *Client) All(ctx context.Context, path string, params Params) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for last := ""; ; {
			page, err := c.page(ctx, path, params, last)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(page) == 0 {
				return
			}
			for _, item := range page {
				if last, err = c.next(item, last); err != nil {
					yield(nil, err)
					return
				}
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

func (c *Client) page(ctx context.Context, path string, params Params, last string) ([]json.RawMessage, error) {
	filters, ok := params["filters"].([][]any)
	if !ok && params["filters"] != nil {
		return nil, unusable(nil, "the filters of a list must be a [][]any")
	}
	asked := Params{}
	maps.Copy(asked, params)
	asked["order"], asked["count"], asked["limit"] = []string{"uuid asc"}, "none", itemsPerPage
	asked["filters"] = append([][]any{{"uuid", ">", last}}, filters...)
	if last == "" {
		asked["filters"] = append([][]any{}, filters...)
	}
	var reply struct{ Items *[]json.RawMessage }
	if err := c.Call(ctx, http.MethodGet, path, asked, &reply); err != nil {
		return nil, err
	}
	if reply.Items == nil {
		return nil, c.badList("lacks items")
	}
	return *reply.Items, nil
}

// next returns the UUID of an item, which must come after the last one: a
// server that ignores the filter would be asked for ever.
func (c *Client) next(item json.RawMessage, last string) (string, error) {
	var named struct{ UUID string }
	if json.Unmarshal(item, &named) != nil || named.UUID <= last {
		return "", c.badList("is not in the order of its UUIDs")
	}
	return named.UUID, nil
}

func (c *Client) badList(fault string) error {
	return &Error{Kind: BadReply, Status: http.StatusOK, Text: fmt.Sprintf("a list of the API server %s %s", c.address, fault)}
}
