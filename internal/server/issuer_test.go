// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

type documents struct{ discovery, keys string }

func (d documents) Discovery() []byte { return []byte(d.discovery) }
func (d documents) JWKS() []byte      { return []byte(d.keys) }

func newTestServer(state *State) *Server {
	return New(Options{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), MaxRequests: 1}, state)
}

// ask sends a request that is full of things to reflect.
func ask(s *Server, method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for name, value := range map[string]string{"X-Request-Id": "hunter2", "Origin": "https://hunter2.example", "Host": "hunter2", "X-Forwarded-Host": "hunter2",
		"Authorization": "Bearer hunter2", "Accept": "text/hunter2", "Range": "bytes=1-2", "If-None-Match": "hunter2"} {
		r.Header.Set(name, value)
	}
	r.Host = "hunter2.example"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// TestIssuerDocuments: both are whole, cacheable, for any web page, and hold
// nothing of the request (T-07).
func TestIssuerDocuments(t *testing.T) {
	s := newTestServer(&State{Issuer: documents{`{"issuer":1}`, `{"keys":[]}`}})
	want := http.Header{"Cache-Control": {"public, max-age=300"}, "Content-Type": {"application/json"}, "Access-Control-Allow-Origin": {"*"}, "X-Content-Type-Options": {"nosniff"}}
	for path, body := range map[string]string{
		"/.well-known/openid-configuration":           `{"issuer":1}`,
		"/.well-known/jwks.json":                      `{"keys":[]}`,
		"/.well-known/jwks.json?url=https://hunter2/": `{"keys":[]}`,
		"//.well-known/jwks.json":                     `{"keys":[]}`,
	} {
		got := ask(s, http.MethodGet, path)
		if got.Code != http.StatusOK || got.Body.String() != body {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
		for name := range want {
			if diff := cmp.Diff(want[name], got.Header()[name]); diff != "" {
				t.Errorf("%s: %s: %s", path, name, diff)
			}
		}
		for name, values := range got.Header() {
			if name == "Vary" || name == "X-Request-Id" || strings.Contains(strings.Join(values, " "), "hunter2") {
				t.Errorf("%s: header %s: %q", path, name, values)
			}
		}
		if head := ask(s, http.MethodHead, path); head.Code != http.StatusOK || head.Header().Get("Content-Length") != got.Header().Get("Content-Length") {
			t.Errorf("HEAD %s: %d, %v", path, head.Code, head.Header())
		}
		if post := ask(s, http.MethodPost, path); post.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, post.Code)
		}
	}
}

// TestIssuerWhenFull: the documents need no place among the readers.
func TestIssuerWhenFull(t *testing.T) {
	s := newTestServer(&State{Issuer: documents{keys: "{}"}})
	leave, err := s.gate.enter(t.Context(), user{}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if got := ask(s, http.MethodGet, "/.well-known/jwks.json"); got.Code != http.StatusOK {
		t.Errorf("a full server answers %d", got.Code)
	}
}

// TestNoIssuer: without an issuer, as for all that is off, there is a 404,
// which nobody keeps.
func TestNoIssuer(t *testing.T) {
	s := newTestServer(&State{})
	for path, word := range map[string]string{"/.well-known/openid-configuration": "disabled", "/.well-known/jwks.json": "disabled",
		"/.well-known/": "no-route", "/.well-known/jwks.json/x": "no-route", "/.well-known": "no-route"} {
		got := ask(s, http.MethodGet, path)
		if got.Code != http.StatusNotFound || got.Header().Get("X-Keep-Error") != word || got.Header().Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: %d %v", path, got.Code, got.Header())
		}
	}
}
