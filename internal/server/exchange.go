// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
)

// exchange is one request and its answer.
type exchange struct {
	*Server
	*State
	w     *recorder
	r     *http.Request
	route string
	id    string
	// notes are added to the log line of the request. A block is noted by its
	// identity, which tells blocks apart and shows neither key nor signature.
	notes []slog.Attr
}

func (x *exchange) note(key string, value any) { x.notes = append(x.notes, slog.Any(key, value)) }

// locator returns the path of the request as locator text.
func (x *exchange) locator() string { return strings.TrimLeft(x.r.URL.Path, "/") }

// token takes the caller's token from the Authorization header. Cookies and
// query parameters are not looked at: a web page could make a browser send
// them.
func (x *exchange) token() (creds.Secret, error) {
	values := x.r.Header.Values("Authorization")
	if len(values) == 0 {
		return creds.Secret{}, refuse("no-token", "the request has no token: send Authorization: Bearer <token>")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if len(values) > 1 || token == "" || !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "OAuth2") {
		return creds.Secret{}, refuse("bad-token", "the request must have one Authorization header of the form \"Bearer <token>\"")
	}
	return creds.NewSecret(token), nil
}

// wantsJSON reports whether errors go out in the form of Arvados' API.
func (x *exchange) wantsJSON() bool {
	return strings.HasPrefix(strings.TrimLeft(x.r.URL.Path, "/"), "s3/") ||
		strings.Contains(x.r.Header.Get("Accept"), "application/json")
}
