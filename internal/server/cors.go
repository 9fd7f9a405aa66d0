// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"slices"
	"strings"
)

// cors sets the headers that browsers want. Keep routes answer any origin, as
// stock keepstore does: they take no cookies. Our own routes answer the
// configured origins only.
func (x *exchange) cors() {
	h := x.w.Header()
	h.Set("Vary", "Authorization, Origin")
	h.Set("Access-Control-Max-Age", "86400")
	if x.isOwnRoute() {
		if origin := x.r.Header.Get("Origin"); slices.Contains(x.AllowedOrigins, origin) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Expose-Headers", "X-Request-Id, X-Keep-Error, Retry-After")
		}
		return
	}
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, PUT, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Length, Content-Type, Range, X-Keep-Desired-Replicas, X-Keep-Pseudo-Blocks, X-Keep-Signature, X-Keep-Storage-Classes")
	h.Set("Access-Control-Expose-Headers", "Accept-Ranges, Content-Length, Content-Range, Retry-After, X-Keep-Error, X-Keep-Locator, X-Keep-Replicas-Stored, X-Keep-Storage-Classes-Confirmed, X-Request-Id, "+
		strings.Join(outlookNames(), ", "))
}

func (x *exchange) isOwnRoute() bool {
	return strings.HasPrefix(strings.TrimLeft(x.r.URL.Path, "/"), "s3/")
}

// preflight answers OPTIONS; it needs no token.
func (x *exchange) preflight() error {
	x.w.WriteHeader(http.StatusOK)
	return nil
}

// checkOrigin refuses a browser page of an origin that is not configured. A
// request without Origin is no cross-origin request of a browser.
func (x *exchange) checkOrigin() error {
	origin := x.r.Header.Get("Origin")
	if origin == "" || slices.Contains(x.AllowedOrigins, origin) {
		return nil
	}
	return refuse("origin-not-allowed", "pages of this web site may not call this server: the operator can add the site to allowed_origins")
}
