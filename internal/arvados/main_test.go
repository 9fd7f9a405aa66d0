// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/arvados-s3/keepstore/creds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ann       = "zzzzz-tpzed-aaaaaaaaaaaaaaa"
	tokenPath = "/arvados/v1/api_client_authorizations/current"
	userPath  = "/arvados/v1/users/current"
	linksPath = "/arvados/v1/links"
	goodToken = `{"owner_uuid":"` + ann + `","scopes":["all"],"expires_at":null}`
	goodUser  = `{"uuid":"` + ann + `","is_active":true}`
	noTokens  = `{"errors":["Not logged in"]}`
)

// script is an API server whose answers a test writes by hand: what no
// well-behaved server would send.
type script struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]http.HandlerFunc
	calls   map[string]int
}

func newScript(t *testing.T) *script {
	t.Helper()
	s := &script{answers: map[string]http.HandlerFunc{}, calls: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Server.Close)
	s.set(tokenPath, says(200, goodToken))
	s.set(userPath, says(200, goodUser))
	return s
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls[r.URL.Path]++
	answer := s.answers[r.URL.Path]
	s.mu.Unlock()
	if answer == nil {
		answer = says(404, `{"errors":["Path not found"]}`)
	}
	answer(w, r)
}

func (s *script) set(path string, answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = answer
}

func (s *script) called(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[path]
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

// clock is a clock that a test moves.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(c.offset.Load()))
}

func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func secret(text string) creds.Secret { return creds.NewSecret(text) }

// kindOf returns the kind of err, "" for none.
func kindOf(t *testing.T, err error) Kind {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := err.(*Error)
	if !ok {
		t.Fatalf("the error %v is not of this package", err)
	}
	if !strings.Contains(e.Text, " ") || strings.Contains(e.Text, "sesame") {
		t.Errorf("the error %q is no sentence, or shows a token", e.Text)
	}
	return e.Kind
}
