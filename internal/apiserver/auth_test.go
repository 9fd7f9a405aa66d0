// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	currentUserPath = "/arvados/v1/users/current"
	tokensPath      = "/arvados/v1/api_client_authorizations"
)

// TestTokenForms has each way to present a token next to a spoiled one.
func TestTokenForms(t *testing.T) {
	w := newWorld(t)
	uuid, secret, _ := splitToken(w.token)
	other := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID})
	for header, want := range map[string]int{
		"Bearer " + w.token:             200,
		"OAuth2 " + w.token:             200,
		"Bearer " + secret:              200,
		"Bearer " + w.SystemRootToken(): 200,
		"Bearer v2/zzzzz-gj3su-000000000000000/" + w.SystemRootToken(): 200,
		"Bearer v2/" + uuid + "/" + w.SystemRootToken():                401,
		"bearer " + w.token:       401,
		"Basic " + w.token:        401,
		"Bearer":                  401,
		"Bearer ":                 401,
		"":                        401,
		"Bearer " + w.token + "x": 401,
		"Bearer " + w.token + "/zzzzz-dz642-000000000000000": 401,
		"Bearer v2/" + uuid:                      401,
		"Bearer v2/" + uuid + "/":                401,
		"Bearer v2/" + other.UUID + "/" + secret: 401,
		"Bearer v2//" + secret:                   401,
		"Bearer " + strings.ToUpper(secret):      401,
	} {
		got := do(t, w.Server, withHeader(currentUserPath, "Authorization", header))
		if got.status != want {
			t.Errorf("Authorization %q: status %d, want %d", header, got.status, want)
		}
		if want == 401 && !strings.Contains(got.firstError(), "Not logged in") {
			t.Errorf("Authorization %q: error %q lacks \"Not logged in\"", header, got.firstError())
		}
		if strings.Contains(got.firstError(), secret) {
			t.Errorf("Authorization %q: the error shows the secret", header)
		}
	}
}

func withHeader(target, name, value string) *http.Request {
	r, _ := http.NewRequest("GET", "http://api.example.org"+target, http.NoBody)
	r.Header.Set(name, value)
	return r
}

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		scope, method, path string
		want                int
	}{
		{"all", "GET", currentUserPath, 200},
		{"GET " + currentUserPath, "GET", currentUserPath, 200},
		{"GET " + currentUserPath, "HEAD", currentUserPath, 200},
		{"GET /arvados/v1/users/", "GET", currentUserPath, 200},
		{"GET /", "GET", currentUserPath, 200},
		{"GET /arvados/v1/users", "GET", currentUserPath, 403},
		{"GET /arvados/v1/users/curren", "GET", currentUserPath, 403},
		{"GET /arvados/v1/users/", "GET", "/arvados/v1/users", 403},
		{"POST " + currentUserPath, "GET", currentUserPath, 403},
		{"GET /", "POST", tokensPath, 403},
		{"POST " + tokensPath, "POST", tokensPath, 403}, // would make a stronger token
		{"GET /arvados/v1/collections/x", "GET", currentTokenPath, 200},
		{"GET /arvados/v1/collections/x", "GET", "/arvados/v1/keep_services", 200},
	} {
		w := newWorld(t)
		token := w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID, Scopes: []string{c.scope}}).Reveal()
		if got := ask(t, w.Server, c.method, c.path, token, ""); got.status != c.want {
			t.Errorf("scope %q, %s %s: status %d, want %d", c.scope, c.method, c.path, got.status, c.want)
		}
	}
}

func TestNoScopesAllowOnlyTheTokenItself(t *testing.T) {
	w := newWorld(t)
	token := w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID, Scopes: []string{}}).Reveal()
	if got := ask(t, w.Server, "GET", currentTokenPath, token, ""); got.status != 200 {
		t.Errorf("current token: status %d, want 200", got.status)
	}
	if got := ask(t, w.Server, "GET", currentUserPath, token, ""); got.status != 403 {
		t.Errorf("current user: status %d, want 403", got.status)
	}
}

// TestTokenLists: a user sees their own tokens, an administrator all, and
// nobody what makes them work.
func TestTokenLists(t *testing.T) {
	w := newWorld(t)
	uuid, secret, _ := splitToken(w.token)
	bob := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID})
	for _, c := range []struct {
		token string
		want  int
	}{{w.token, 1}, {bob.Reveal(), 1}, {w.adminToken, 3}} {
		got := ask(t, w.Server, "GET", tokensPath, c.token, "")
		if len(got.uuids()) != c.want || strings.Contains(got.text, secret) || strings.Contains(got.text, bob.secret) {
			t.Errorf("%d tokens are listed: %s", len(got.uuids()), got.text)
		}
	}
	got := ask(t, w.Server, "GET", tokensPath+"/"+uuid, w.token, "")
	if got.status != 200 || got.object["owner_uuid"] != w.ann.UUID || strings.Contains(got.text, secret) {
		t.Errorf("one's own: %d %s", got.status, got.text)
	}
	if got := ask(t, w.Server, "GET", tokensPath+"/"+uuid, bob.Reveal(), ""); got.status != 404 {
		t.Errorf("another's: %d %s", got.status, got.text)
	}
}

func TestExpiry(t *testing.T) {
	w := newWorld(t)
	token := w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID, ExpiresAt: w.clock.now().Add(time.Minute)}).Reveal()
	w.clock.advance(time.Minute - time.Nanosecond)
	if got := ask(t, w.Server, "GET", currentUserPath, token, ""); got.status != 200 {
		t.Fatalf("just before its end: status %d, want 200", got.status)
	}
	w.clock.advance(time.Nanosecond)
	got := ask(t, w.Server, "GET", currentUserPath, token, "")
	if got.status != 401 || !strings.Contains(got.firstError(), "Not logged in") || !strings.Contains(got.firstError(), "expired") {
		t.Errorf("at its end: status %d, error %q", got.status, got.firstError())
	}
}

func TestRevokedTokenStopsAtOnce(t *testing.T) {
	w := newWorld(t)
	token := w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID})
	if got := ask(t, w.Server, "GET", currentUserPath, token.Reveal(), ""); got.status != 200 {
		t.Fatalf("before: status %d, want 200", got.status)
	}
	if err := w.RevokeToken(context.Background(), token.UUID); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, w.Server, "GET", currentUserPath, token.Reveal(), ""); got.status != 401 {
		t.Errorf("after: status %d, want 401", got.status)
	}
	if got := ask(t, w.Server, "GET", currentUserPath, w.token, ""); got.status != 200 {
		t.Errorf("another token of the user: status %d, want 200", got.status)
	}
}
