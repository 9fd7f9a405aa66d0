// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"encoding/json"
	"regexp"
	"time"
)

const tokenInfix = "gj3su"

// TokenSpec describes a new token.
type TokenSpec struct {
	// UserUUID is who the token stands for.
	UserUUID string
	// Scopes are "all" or "METHOD /path", where a path that ends with "/"
	// stands for all that begin with it. Empty means "all".
	Scopes []string
	// ExpiresAt ends its life; zero means never.
	ExpiresAt time.Time
}

// Token is a new token. It shows as "[secret]" when printed.
type Token struct {
	UUID   string
	secret string
}

// Reveal returns the token as clients send it, "v2/uuid/secret". It is shown
// once: the server keeps only a hash.
func (t Token) Reveal() string { return "v2/" + t.UUID + "/" + t.secret }

// String hides the secret.
func (t Token) String() string { return t.UUID + " [secret]" }

// GoString hides the secret.
func (t Token) GoString() string { return t.String() }

func (s *Server) tokenResource() *resource {
	return &resource{
		name: "api_client_authorizations", object: "api_client_authorization",
		schema: "ApiClientAuthorization", kind: "arvados#apiClientAuthorization", infix: tokenInfix,
		from:    table("api_client_authorizations"),
		visible: ownTokens,
		columns: common(
			column{name: "scopes", kind: typeArray},
			column{name: "expires_at", kind: typeTime},
		),
	}
}

func ownTokens(c *caller) clause {
	if c.admin {
		return everything(c)
	}
	return clause{"owner_uuid = ?", []any{c.userUUID}}
}

// currentToken describes the token of the request, its secret included: the
// caller has it already, and stock clients look for it here.
func (s *Server) currentToken(r *request) (any, error) {
	token := object{
		"kind": s.resources.tokens.kind, "uuid": r.caller.tokenUUID, "owner_uuid": r.caller.userUUID,
		"scopes": r.caller.scopes, "expires_at": nil,
	}
	if !r.caller.system() {
		var err error
		if token, err = s.one(r.Context(), s.db, s.resources.tokens, r.caller, r.caller.tokenUUID); err != nil {
			return nil, err
		}
	}
	token["api_token"] = r.caller.secret
	return token, nil
}

// createToken makes a token for the caller, or for anyone if the caller is
// an administrator.
func (s *Server) createToken(r *request) (any, error) {
	if err := r.caller.mayChange(); err != nil {
		return nil, err
	}
	var attrs struct {
		OwnerUUID string     `json:"owner_uuid"`
		Scopes    []string   `json:"scopes"`
		ExpiresAt *time.Time `json:"expires_at"`
	}
	if err := r.attributes(s.resources.tokens.object, &attrs); err != nil {
		return nil, err
	}
	spec := TokenSpec{UserUUID: r.caller.userUUID, Scopes: attrs.Scopes}
	if attrs.OwnerUUID != "" && attrs.OwnerUUID != spec.UserUUID {
		if !r.caller.admin {
			return nil, fail(Forbidden, "only an administrator may make tokens for other users")
		}
		spec.UserUUID = attrs.OwnerUUID
	}
	if attrs.ExpiresAt != nil {
		spec.ExpiresAt = *attrs.ExpiresAt
	}
	t, err := s.CreateToken(r.Context(), spec)
	if err != nil {
		return nil, err
	}
	token, err := s.one(r.Context(), s.db, s.resources.tokens, r.caller, t.UUID)
	if err != nil {
		return nil, err
	}
	token["api_token"] = t.secret
	return token, nil
}

// CreateToken makes a token for a user.
func (s *Server) CreateToken(ctx context.Context, spec TokenSpec) (Token, error) {
	if spec.Scopes == nil {
		spec.Scopes = []string{"all"}
	}
	if err := checkScopes(spec.Scopes); err != nil {
		return Token{}, err
	}
	if err := s.exists(ctx, s.db, s.resources.users, spec.UserUUID); err != nil {
		return Token{}, err
	}
	scopes, err := json.Marshal(spec.Scopes)
	if err != nil {
		return Token{}, storage(err)
	}
	var expires any
	if !spec.ExpiresAt.IsZero() {
		expires = formatTime(spec.ExpiresAt)
	}
	t := Token{UUID: s.newUUID(tokenInfix), secret: randomText(secretLength)}
	now := s.now()
	return t, storage(s.insert(ctx, s.db, "api_client_authorizations", object{
		"uuid": t.UUID, "owner_uuid": spec.UserUUID, "created_at": now, "modified_at": now,
		"secret_hash": hashSecret(t.secret), "scopes": string(scopes), "expires_at": expires,
	}))
}

func checkScopes(scopes []string) error {
	known := regexp.MustCompile(`^(all|(GET|HEAD|PUT|POST|PATCH|DELETE|OPTIONS) /\S*)$`)
	for _, scope := range scopes {
		if !known.MatchString(scope) {
			return invalid(`the scope %s must be "all" or look like "GET /arvados/v1/collections/"`, clip(scope))
		}
	}
	return nil
}

func (s *Server) deleteToken(r *request) (any, error) {
	token, err := s.one(r.Context(), s.db, s.resources.tokens, r.caller, r.uuid)
	if err != nil {
		return nil, err
	}
	return token, s.RevokeToken(r.Context(), r.uuid)
}

// RevokeToken ends the life of a token at once.
func (s *Server) RevokeToken(ctx context.Context, uuid string) error {
	done, err := s.db.ExecContext(ctx, `DELETE FROM api_client_authorizations WHERE uuid = ?`, uuid)
	if err != nil {
		return storage(err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return fail(NotFound, "there is no token %s", clip(uuid))
	}
	return nil
}
