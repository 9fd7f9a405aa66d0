// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// SharingLink is a token of the caller's that opens one collection for whoever
// has it, to read. Workbench makes, shows and ends the same.
type SharingLink struct {
	UUID      string     `json:"uuid"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
	// Token is set only when the link was made just now.
	Token api.Token `json:"-"`
}

const tokensPath = "arvados/v1/api_client_authorizations"

// sharingScopes are the scopes of the tokens that Workbench makes as sharing
// links. It finds them by just these, in this order.
func sharingScopes(uuid string) []string {
	return []string{
		"GET /arvados/v1/collections/" + uuid,
		"GET /arvados/v1/collections/" + uuid + "/",
		"GET /arvados/v1/keep_services/accessible",
	}
}

// NewSharingLink makes a token that can read one stored collection and nothing
// else. It ends at a time, or never if that is zero. What lies under access
// rules of mode token or role it does not open.
func (c *Client) NewSharingLink(ctx context.Context, uuid string, ends time.Time) (SharingLink, error) {
	if err := checkStored(uuid); err != nil {
		return SharingLink{}, err
	}
	attributes := map[string]any{"scopes": sharingScopes(uuid)}
	if !ends.IsZero() {
		attributes["expires_at"] = ends
	}
	var made struct {
		SharingLink
		Secret string `json:"api_token"`
	}
	if err := c.api.Call(ctx, http.MethodPost, tokensPath, api.Params{"api_client_authorization": attributes}, &made); err != nil {
		return SharingLink{}, err
	}
	made.Token = api.NewToken("v2/" + made.UUID + "/" + made.Secret)
	return made.SharingLink, nil
}

// SharingLinks lists the sharing links of a collection that the caller made.
// Those of others they do not see, administrators included.
func (c *Client) SharingLinks(ctx context.Context, uuid string) ([]SharingLink, error) {
	if err := checkStored(uuid); err != nil {
		return nil, err
	}
	var me struct{ UUID string }
	if err := c.api.Call(ctx, http.MethodGet, "arvados/v1/users/current", api.Params{"select": []string{"uuid"}}, &me); err != nil {
		return nil, err
	}
	var links []SharingLink
	for seen := map[string]bool{}; ; {
		page, err := c.sharingPage(ctx, sharingScopes(uuid), me.UUID, len(seen))
		if err != nil {
			return nil, err
		}
		before := len(seen)
		for _, item := range page {
			// A server that ignores the filters must not make us end other tokens.
			if !seen[item.UUID] && slices.Equal(slices.Sorted(slices.Values(item.Scopes)), sharingScopes(uuid)) {
				links = append(links, item.SharingLink)
			}
			seen[item.UUID] = true
		}
		if len(seen) == before {
			return links, nil
		}
	}
}

// sharingToken is a token as the API server lists it.
type sharingToken struct {
	SharingLink
	Scopes []string `json:"scopes"`
}

// sharingPage asks for tokens of a user with the scopes. A stock server lists
// those of the caller only, and ours lists all for administrators.
func (c *Client) sharingPage(ctx context.Context, scopes []string, owner string, offset int) ([]sharingToken, error) {
	var reply struct{ Items []sharingToken }
	err := c.api.Call(ctx, http.MethodGet, tokensPath, api.Params{
		"filters": [][]any{{"scopes", "=", scopes}, {"owner_uuid", "=", owner}},
		"limit":   sharesPerPage, "offset": offset, "order": []string{"uuid asc"},
		"select": []string{"uuid", "scopes", "created_at", "expires_at"},
	}, &reply)
	return reply.Items, err
}

// EndSharingLinks ends all sharing links of a collection that the caller made,
// and returns them.
func (c *Client) EndSharingLinks(ctx context.Context, uuid string) ([]SharingLink, error) {
	links, err := c.SharingLinks(ctx, uuid)
	for i, l := range links {
		if err := c.api.Call(ctx, http.MethodDelete, tokensPath+"/"+l.UUID, nil, nil); err != nil {
			return links[:i], err
		}
	}
	return links, err
}
