// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/pseudoblock"
)

// TestTokenPlaces is W-01: a token counts in the Authorization header only.
func TestTokenPlaces(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	r.silent("cookie", l, "", 401, "no-token", "Cookie: arvados_api_token="+r.alice)
	r.silent("query", l+"?api_token="+r.alice, "", 401, "no-token")
	r.silent("basic", l, "", 400, "bad-token", "Authorization: Basic eDp5")
	for _, header := range []string{"Bearer ", "OAuth2 ", "bearer "} {
		if got := r.get(l, "", "Authorization: "+header+r.alice); got.StatusCode != 200 {
			t.Errorf("%s: got %d %q", header, got.StatusCode, got.body)
		}
	}
}

// TestForeignPages are W-02 and W-04: pages of other sites.
func TestForeignPages(t *testing.T) {
	r, name := importing(t)
	put(t, r.labServer, name, "p/x", []byte("x"))
	body := `{"sources":[{"url":"s3://` + name + `/p/"}]}`
	for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", ""} {
		r.wantError(r.do(http.MethodPost, "/s3/import", r.alice, body, "Content-Type: "+kind), 400, "bad-request")
	}
	r.wantError(r.imports(r.alice, body, "Origin: https://evil.example.org").reply, 403, "origin-not-allowed")
	got := r.imports(r.alice, body, "Origin: https://workbench.example.org")
	if got.done == nil || got.Header.Get("Access-Control-Allow-Origin") != "https://workbench.example.org" {
		t.Errorf("the allowed site: %d %q %v", got.StatusCode, got.body, got.Header)
	}
	preflight := func(path, origin string) http.Header {
		return r.do(http.MethodOptions, path, "", "", "Origin: "+origin, "Access-Control-Request-Method: POST").Header
	}
	if h := preflight("/s3/import", "https://evil.example.org"); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of another site: %v", h)
	}
	if h := preflight("/s3/import", "https://workbench.example.org"); !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight of the allowed site: %v", h)
	}
	if h := preflight("/ffff", "https://any.example.org"); h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight of a read: %v", h)
	}
}

// TestHarmlessBytes are W-03, W-05 and W-07: an object never acts as a page,
// is never cached by others, and is never "not modified".
func TestHarmlessBytes(t *testing.T) {
	r, name := importing(t)
	o := put(t, r.labServer, name, "page.html", []byte("<script>alert(1)</script>"))
	l := r.locatorOf(o, r.alice)
	for _, got := range []reply{r.get(l, r.alice), r.get(l, r.bob), r.get("nonsense", "")} {
		h := got.Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "private, no-store" || !strings.Contains(h.Get("Vary"), "Authorization") || h.Get("X-Request-Id") == "" {
			t.Errorf("%d: headers %v", got.StatusCode, h)
		}
		if got.StatusCode == 200 && (h.Get("Content-Type") != "application/octet-stream" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("ETag") != "") {
			t.Errorf("headers %v", h)
		}
	}
	for _, header := range []string{"If-None-Match: *", "If-Modified-Since: Fri, 20 Nov 2037 00:00:00 GMT", "If-Range: \"x\""} {
		if got := r.get(l, r.alice, header); got.StatusCode != 200 {
			t.Errorf("%s: got %d", header, got.StatusCode)
		}
		if got := r.get(l, "", header); got.StatusCode != 401 {
			t.Errorf("%s without token: got %d", header, got.StatusCode)
		}
	}
}

// TestMethods is A-17: nothing can be written, and nothing signs.
func TestMethods(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	for _, method := range []string{"PUT", "POST", "DELETE", "TOUCH", "PATCH"} {
		r.wantError(r.do(method, "/"+l, r.alice, "data"), 405, "method")
		r.wantError(r.do(method, "/acbd18db4cc2f85cedef654fccc4a4d8", r.alice, "foo"), 405, "method")
	}
	for _, path := range []string{"/", "/a/b", "/s3/", "/s3/nothing", "/s3/import/x", "/debug/pprof/"} {
		r.wantError(r.do(http.MethodGet, path, r.alice, ""), 404, "no-route")
	}
	for path, status := range map[string]int{"/index": 404, "/mounts": 404, "/pull": 405, "/trash": 405, "/status.json": 400} {
		if got := r.do(http.MethodGet, path, r.alice, ""); got.StatusCode != status || strings.Contains(got.body, "+A") {
			t.Errorf("%s: got %d %q", path, got.StatusCode, got.body)
		}
	}
}
