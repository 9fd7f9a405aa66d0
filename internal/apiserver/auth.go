// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// caller is who sends a request, and with which token.
type caller struct {
	userUUID      string
	admin, active bool
	tokenUUID     string
	secret        string
	// presented is the whole token as it was sent, which signatures cover.
	presented string
	scopes    []string
}

// system reports whether the caller used the system root token.
func (c *caller) system() bool { return strings.HasSuffix(c.tokenUUID, systemSuffix) }

const systemSuffix = "-000000000000000"

func (s *Server) systemUUID(infix string) string { return s.cluster + "-" + infix + systemSuffix }

// authenticate finds the caller of a request by its Authorization header.
func (s *Server) authenticate(r *http.Request) (*caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if (scheme != "Bearer" && scheme != "OAuth2") || token == "" {
		return nil, fail(NotLoggedIn, "Not logged in: send the header \"Authorization: Bearer\" with your token")
	}
	uuid, secret, ok := splitToken(token)
	if !ok {
		return nil, unknownToken()
	}
	c := s.systemCaller(uuid, secret)
	if c == nil {
		var err error
		if c, err = s.lookupToken(r.Context(), uuid, secret); err != nil {
			return nil, err
		}
	}
	c.presented = token
	return c, nil
}

func unknownToken() error {
	return fail(NotLoggedIn, "Not logged in: the token is unknown or has been revoked, get a new one")
}

// splitToken takes "secret" or "v2/uuid/secret".
func splitToken(token string) (uuid, secret string, ok bool) {
	rest, v2 := strings.CutPrefix(token, "v2/")
	if !v2 {
		return "", token, true
	}
	uuid, secret, ok = strings.Cut(rest, "/")
	return uuid, secret, ok && uuid != "" && !strings.Contains(secret, "/")
}

func (s *Server) systemCaller(uuid, secret string) *caller {
	if subtle.ConstantTimeCompare(hashSecret(secret), hashSecret(s.rootToken)) != 1 {
		return nil
	}
	if uuid != "" && uuid != s.systemUUID(tokenInfix) {
		return nil
	}
	return &caller{
		userUUID: s.systemUUID(userInfix), admin: true, active: true,
		tokenUUID: s.systemUUID(tokenInfix), secret: secret, scopes: []string{"all"},
	}
}

// hashSecret is enough for secrets of [secretLength] random characters.
func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func (s *Server) lookupToken(ctx context.Context, uuid, secret string) (*caller, error) {
	hash := hashSecret(secret)
	where, arg := "t.uuid = ?", any(uuid)
	if uuid == "" {
		where, arg = "t.secret_hash = ?", hash
	}
	c := &caller{secret: secret}
	var kept []byte
	var scopes string
	var expires sql.NullString
	err := s.db.QueryRowContext(ctx, `SELECT t.uuid, t.secret_hash, t.scopes, t.expires_at, u.uuid, u.is_admin, u.is_active
		FROM api_client_authorizations t JOIN users u ON u.uuid = t.owner_uuid WHERE `+where, arg).
		Scan(&c.tokenUUID, &kept, &scopes, &expires, &c.userUUID, &c.admin, &c.active)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, unknownToken()
	}
	if err != nil {
		return nil, storage(err)
	}
	if subtle.ConstantTimeCompare(kept, hash) != 1 {
		return nil, unknownToken()
	}
	c.admin = c.admin && c.active
	if err := s.checkExpiry(expires); err != nil {
		return nil, err
	}
	return c, storage(json.Unmarshal([]byte(scopes), &c.scopes))
}

func (s *Server) checkExpiry(expires sql.NullString) error {
	if !expires.Valid {
		return nil
	}
	end, err := time.Parse(time.RFC3339, expires.String)
	if err != nil {
		return storage(err)
	}
	if !s.options.Now().Before(end) {
		return fail(NotLoggedIn, "Not logged in: the token has expired, get a new one")
	}
	return nil
}

// allows reports whether the token's scopes cover the request. Asking about
// the token itself is always allowed.
func (c *caller) allows(method, path string) bool {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	wanted := method + " " + path
	if wanted == "GET "+currentTokenPath {
		return true
	}
	return slices.ContainsFunc(c.scopes, func(scope string) bool {
		return scope == "all" || scope == wanted || (strings.HasSuffix(scope, "/") && strings.HasPrefix(wanted, scope))
	})
}

// mayChange reports an error unless the caller may create and delete things.
// A token that could make a stronger one would have no limits.
func (c *caller) mayChange() error {
	if err := c.mayAct(); err != nil {
		return err
	}
	if !slices.Contains(c.scopes, "all") {
		return fail(Forbidden, "this needs a token with scope \"all\"")
	}
	return nil
}
