// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/records"
	"github.com/arvados-s3/keepstore/internal/apiserver"
	"github.com/arvados-s3/keepstore/internal/arvados"
)

// site is a real API server and a source that asks it, on one clock.
type site struct {
	*apiserver.Server
	url    string
	offset atomic.Int64
	source *records.Source
	roles  *roles
}

func (s *site) now() time.Time {
	return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(s.offset.Load()))
}

func newSite(t *testing.T, release bool) *site {
	t.Helper()
	s := &site{roles: &roles{}}
	var err error
	s.Server, err = apiserver.Open(apiserver.Options{DataDir: t.TempDir(), ClusterID: "abcde", Now: s.now, ReleaseSecrets: release})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Server.Close() })
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	api, err := arvados.New(arvados.Options{URL: web.URL, Now: s.now, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	s.url, s.source = web.URL, records.New(records.Options{API: api, Roles: s.roles, Now: s.now})
	return s
}

// person makes a user and returns them as a caller.
func (s *site) person(t *testing.T, name string) creds.Caller {
	t.Helper()
	user, err := s.CreateUser(t.Context(), apiserver.UserSpec{Email: name + "@example.org", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.CreateToken(t.Context(), apiserver.TokenSpec{UserUUID: user.UUID})
	if err != nil {
		t.Fatal(err)
	}
	return caller(token.Reveal(), user.UUID)
}

// send sends a change with the token and returns the UUID of what changed.
func (s *site) send(t *testing.T, token creds.Secret, method, path string, body map[string]any) string {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+"/arvados/v1/"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var reply struct {
		UUID   string
		Errors []string
	}
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s %s: %d %v %v", method, path, resp.StatusCode, reply.Errors, err)
	}
	return reply.UUID
}

// keep stores a record that ends in an hour.
func (s *site) keep(t *testing.T, who creds.Caller, class, id, scope string) string {
	t.Helper()
	record := map[string]any{"name": id, "credential_class": class, "scopes": []string{scope}, "external_id": id,
		"secret": "secret of " + id, "expires_at": s.now().Add(time.Hour).Format(time.RFC3339)}
	return s.send(t, who.Token, "POST", "credentials", map[string]any{"credential": record})
}

func (s *site) share(t *testing.T, owner creds.Caller, record string, with creds.Caller) string {
	t.Helper()
	return s.send(t, owner.Token, "POST", "links", map[string]any{"link": map[string]any{
		"link_class": "permission", "name": "can_read", "tail_uuid": with.UserUUID, "head_uuid": record}})
}

// TestWithServer walks through the life of records of two people.
func TestWithServer(t *testing.T) {
	s := newSite(t, true)
	anns, bobs := s.person(t, "ann"), s.person(t, "bob")
	wantKind(t, s.source, tokenRule("lab"), anns, creds.Missing)
	first := s.keep(t, anns, records.ClassKeys, "AKANN", "s3://lab")
	s.keep(t, bobs, records.ClassKeys, "AKBOB", "s3://*")
	s.offset.Add(int64(records.FreshRefusal))
	wantKeys(t, s.source, tokenRule("lab"), anns, "AKANN")
	wantKeys(t, s.source, tokenRule("lab"), bobs, "AKBOB")
	wantKind(t, s.source, tokenRule("other"), anns, creds.Missing)

	s.share(t, anns, first, bobs)
	s.offset.Add(int64(records.Fresh))
	wantKeys(t, s.source, tokenRule("lab"), bobs, "AKBOB") // own before shared, though exact

	second := s.keep(t, anns, records.ClassKeys, "AKANN2", "s3://lab")
	s.offset.Add(int64(records.Fresh))
	_, err := s.source.Credentials(t.Context(), tokenRule("lab"), anns)
	if kind(err) != creds.Ambiguous || !strings.Contains(err.Error(), first) || !strings.Contains(err.Error(), second) {
		t.Errorf("two records of Ann's: %v", err)
	}

	s.send(t, anns.Token, "DELETE", "credentials/"+first, nil)
	s.offset.Add(int64(records.Fresh))
	wantKeys(t, s.source, tokenRule("lab"), anns, "AKANN2")
	s.offset.Add(int64(time.Hour))
	wantKind(t, s.source, tokenRule("lab"), anns, creds.Expired)
}

// TestServerWithholds is case C-09 with a real server: keys that are shared
// are released to nobody but their owner, or to nobody; a role serves both.
func TestServerWithholds(t *testing.T) {
	for _, release := range []bool{true, false} {
		s := newSite(t, release)
		anns, bobs := s.person(t, "ann"), s.person(t, "bob")
		s.share(t, anns, s.keep(t, anns, records.ClassKeys, "AKANN", "s3://lab"), bobs)
		_, err := s.source.Credentials(t.Context(), tokenRule("lab"), bobs)
		if kind(err) != creds.Missing || !strings.Contains(err.Error(), "running containers") {
			t.Errorf("shared keys: %v", err)
		}
		if _, err := s.source.Credentials(t.Context(), tokenRule("lab"), anns); (err == nil) != release {
			t.Errorf("own keys, with release %v: %v", release, err)
		}
		role := s.keep(t, anns, records.ClassRole, arn, "s3://roles")
		s.share(t, anns, role, bobs)
		for _, who := range []creds.Caller{anns, bobs} {
			id, err := s.source.Credentials(t.Context(), tokenRule("roles"), who)
			if err != nil || !strings.HasSuffix(id.As, role) {
				t.Errorf("%q, %v", id.As, err)
			}
		}
		if want := []string{anns.UserUUID + " " + arn, bobs.UserUUID + " " + arn}; strings.Join(s.roles.assumed, ",") != strings.Join(want, ",") {
			t.Errorf("assumed %v", s.roles.assumed)
		}
	}
}
