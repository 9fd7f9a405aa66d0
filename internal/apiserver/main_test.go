// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// database/sql ends its opener only after Close has returned.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
}

// clock is a clock that a test moves.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(c.offset.Load()))
}

func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// world is a server with two users.
type world struct {
	*Server
	clock             *clock
	admin, ann, bob   User
	adminToken, token string // token is Ann's
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: &clock{}}
	w.Server = open(t, Options{DataDir: t.TempDir(), Now: w.clock.now, KeepServices: twoServices})
	w.admin = w.user(t, UserSpec{Email: "admin@example.org", FullName: "Ada Admin", Admin: true, Active: true})
	w.ann = w.user(t, UserSpec{Email: "ann@example.org", FullName: "Ann van Dam", Active: true})
	w.bob = w.user(t, UserSpec{Email: "bob@example.org", FullName: "Bob", Active: true})
	w.adminToken = w.tokenFor(t, TokenSpec{UserUUID: w.admin.UUID}).Reveal()
	w.token = w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID}).Reveal()
	return w
}

func twoServices() []KeepService {
	return []KeepService{
		{UUID: "zzzzz-bi6l4-000000000000001", Host: "keep1.example.org", Port: 25107, Type: "disk"},
		{UUID: "zzzzz-bi6l4-000000000000002", Host: "keep.example.org", Port: 443, SSL: true, Type: "proxy"},
	}
}

func open(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (w *world) user(t *testing.T, spec UserSpec) User {
	t.Helper()
	u, err := w.CreateUser(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (w *world) tokenFor(t *testing.T, spec TokenSpec) Token {
	t.Helper()
	token, err := w.CreateToken(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	text   string
	object map[string]any
}

// ask sends one request, without a network.
func ask(t *testing.T, s *Server, method, target, token, body string) reply {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return do(t, s, r)
}

func do(t *testing.T, s *Server, r *http.Request) reply {
	t.Helper()
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, r)
	text, err := io.ReadAll(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := reply{status: rec.Code, header: rec.Header(), text: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &got.object); err != nil {
			t.Fatalf("%s %s answered something else than JSON: %q", r.Method, r.URL, text)
		}
	}
	return got
}

// firstError returns the first error of the reply.
func (r reply) firstError() string {
	errs, _ := r.object["errors"].([]any)
	if len(errs) == 0 {
		return ""
	}
	text, _ := errs[0].(string)
	return text
}

// uuids returns the UUIDs of the items of the reply.
func (r reply) uuids() []string {
	found := []string{}
	items, _ := r.object["items"].([]any)
	for _, item := range items {
		found = append(found, item.(map[string]any)["uuid"].(string))
	}
	return found
}
