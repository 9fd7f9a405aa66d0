// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"crypto/sha256"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/arvados-s3/keepstore/creds"
)

// maxToken is the longest token that is sent. Arvados tokens have less than
// 200 bytes; OpenID access tokens may have a few thousand.
const maxToken = 4 << 10

// Caller returns who is behind the token. For a scoped token, such as a
// sharing link, that is the owner of the token.
func (c *Client) Caller(ctx context.Context, token creds.Secret) (creds.Caller, error) {
	if err := checkToken(token.Reveal()); err != nil {
		return creds.Caller{}, err
	}
	return c.callers.get(ctx, cacheKey(token, ""), func(ctx context.Context) (creds.Caller, time.Time, error) {
		return c.askCaller(ctx, token)
	})
}

// cacheKey covers the whole token and never holds it.
func cacheKey(token creds.Secret, rest string) string {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return string(sum[:]) + rest
}

// checkToken refuses what cannot be sent as one word of a header.
func checkToken(token string) error {
	if token == "" {
		return refused("the request has no token: send an Authorization header")
	}
	if len(token) > maxToken {
		return refused("the token is longer than %d bytes", maxToken)
	}
	for _, b := range []byte(token) {
		if b <= ' ' || b > '~' {
			return refused("the token holds a character that no token has")
		}
	}
	return nil
}

func (c *Client) askCaller(ctx context.Context, token creds.Secret) (creds.Caller, time.Time, error) {
	caller, ends, err := c.askToken(ctx, token)
	if err == nil && caller.AllScopes {
		caller.UserUUID, caller.Active, err = c.askUser(ctx, token)
	}
	if err == nil && !ends.IsZero() && !c.now().Before(ends) {
		err = refused("the token has expired: get a new one")
	}
	if err != nil {
		return creds.Caller{}, time.Time{}, err
	}
	return caller, ends, nil
}

// askToken asks the one question that every valid token may ask, whatever
// its scopes.
func (c *Client) askToken(ctx context.Context, token creds.Secret) (creds.Caller, time.Time, error) {
	var reply struct {
		OwnerUUID string     `json:"owner_uuid"`
		Scopes    []string   `json:"scopes"`
		ExpiresAt *time.Time `json:"expires_at"`
	}
	err := c.get(ctx, token, "/arvados/v1/api_client_authorizations/current", nil, &reply)
	if err != nil {
		return creds.Caller{}, time.Time{}, err
	}
	if !isUUID(reply.OwnerUUID, "tpzed") || reply.Scopes == nil {
		return creds.Caller{}, time.Time{}, unavailable(errors.New("the API server's reply about a token lacks owner_uuid or scopes"))
	}
	var ends time.Time
	if reply.ExpiresAt != nil {
		ends = *reply.ExpiresAt
	}
	all := slices.Contains(reply.Scopes, "all")
	return creds.Caller{UserUUID: reply.OwnerUUID, Active: true, AllScopes: all}, ends, nil
}

func (c *Client) askUser(ctx context.Context, token creds.Secret) (uuid string, active bool, err error) {
	var reply struct {
		UUID     string `json:"uuid"`
		IsActive *bool  `json:"is_active"`
	}
	if err := c.get(ctx, token, "/arvados/v1/users/current", nil, &reply); err != nil {
		return "", false, err
	}
	if !isUUID(reply.UUID, "tpzed") || reply.IsActive == nil {
		return "", false, unavailable(errors.New("the API server's reply about a user lacks uuid or is_active"))
	}
	return reply.UUID, *reply.IsActive, nil
}

// isUUID reports whether s is an Arvados UUID of the given type.
func isUUID(s, infix string) bool {
	ok, _ := regexp.MatchString(`^[0-9a-z]{5}-`+infix+`-[0-9a-z]{15}$`, s)
	return ok
}
