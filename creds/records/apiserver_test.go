// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records_test

import (
	"bytes"
	"context"
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
	api    *arvados.Client
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
	s.url, s.api, s.source = web.URL, api, records.New(records.Options{API: api, Roles: s.roles, Now: s.now})
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
	status, uuid, faults := s.try(t, token, method, path, body)
	if status != 200 {
		t.Fatalf("%s %s: %d %v", method, path, status, faults)
	}
	return uuid
}

// try is send for what may be refused.
func (s *site) try(t *testing.T, token creds.Secret, method, path string, body map[string]any) (status int, uuid string, faults []string) {
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
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil {
		t.Fatalf("%s %s: %d %v", method, path, resp.StatusCode, err)
	}
	return resp.StatusCode, reply.UUID, reply.Errors
}

// keep stores a record that ends in an hour.
func (s *site) keep(t *testing.T, who creds.Caller, class, id, scope string) string {
	t.Helper()
	record := map[string]any{"name": id, "credential_class": class, "scopes": []string{scope}, "external_id": id,
		"secret": "secret of " + id, "expires_at": s.now().Add(time.Hour).Format(time.RFC3339)}
	return s.send(t, who.Token, "POST", "credentials", map[string]any{"credential": record})
}

// share gives a person the right with the name, such as can_read.
func (s *site) share(t *testing.T, owner creds.Caller, name, record string, with creds.Caller) {
	t.Helper()
	s.send(t, owner.Token, "POST", "links", map[string]any{"link": map[string]any{
		"link_class": "permission", "name": name, "tail_uuid": with.UserUUID, "head_uuid": record}})
}

// wantAs reads and compares whose rights the answer names.
func (s *site) wantAs(t *testing.T, bucket string, who creds.Caller, want string) {
	t.Helper()
	id, err := s.source.Credentials(t.Context(), tokenRule(bucket), who)
	if err != nil || id.As != want {
		t.Errorf("%q, %v; want %q", id.As, err, want)
	}
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

	s.share(t, anns, "can_read", first, bobs)
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
		s.share(t, anns, "can_read", s.keep(t, anns, records.ClassKeys, "AKANN", "s3://lab"), bobs)
		_, err := s.source.Credentials(t.Context(), tokenRule("lab"), bobs)
		if kind(err) != creds.Missing || !strings.Contains(err.Error(), "running containers") {
			t.Errorf("shared keys: %v", err)
		}
		if _, err := s.source.Credentials(t.Context(), tokenRule("lab"), anns); (err == nil) != release {
			t.Errorf("own keys, with release %v: %v", release, err)
		}
		role := s.keep(t, anns, records.ClassRole, arn, "s3://roles")
		s.share(t, anns, "can_read", role, bobs)
		s.wantAs(t, "roles", anns, "the role of your credential record "+role)
		s.wantAs(t, "roles", bobs, "the role of the shared credential record "+role)
		if want := []string{anns.UserUUID + " " + arn, bobs.UserUUID + " " + arn}; strings.Join(s.roles.assumed, ",") != strings.Join(want, ",") {
			t.Errorf("assumed %v", s.roles.assumed)
		}
	}
}

// TestPlantedRecords: no permission link that a stranger gives, and nothing
// that they say of a record, puts it before one's own or beside it.
func TestPlantedRecords(t *testing.T) {
	s := newSite(t, true)
	anns, mallorys := s.person(t, "ann"), s.person(t, "mallory")
	own := s.keep(t, anns, records.ClassKeys, "AKANN", "s3://*")
	for id, scope := range map[string]string{"AKALL": "s3://*", "AKLAB": "s3://lab"} {
		planted := s.keep(t, mallorys, records.ClassKeys, id, scope)
		s.share(t, mallorys, "can_manage", planted, anns)
		s.try(t, mallorys.Token, "PATCH", "credentials/"+planted, map[string]any{"credential": map[string]any{"modified_by_user_uuid": anns.UserUUID}})
	}
	wantKeys(t, s.source, tokenRule("lab"), anns, "AKANN")
	s.wantAs(t, "lab", anns, "your credential record "+own)

	s.send(t, anns.Token, "DELETE", "credentials/"+own, nil)
	s.offset.Add(int64(records.Fresh))
	wantKeys(t, s.source, tokenRule("lab"), anns, "AKLAB") // it was in reach
}

// flooded is an API server with more, or longer, shared records than are read.
type flooded struct {
	records.API
	with error
}

func (f *flooded) Records(ctx context.Context, token creds.Secret, bucket, user string) ([]records.Record, error) {
	if user == "" {
		return nil, f.with
	}
	return f.API.Records(ctx, token, bucket, user)
}

// TestFloodOfShares: nothing that strangers share, however long or many, comes
// between a person and their own record.
func TestFloodOfShares(t *testing.T) {
	s := newSite(t, true)
	anns, bobs := s.person(t, "ann"), s.person(t, "bob")
	s.keep(t, anns, records.ClassKeys, "AKANN", "s3://lab")
	s.share(t, anns, "can_read", s.keep(t, anns, records.ClassRole, arn, "s3://*"), bobs)
	for with, word := range map[error]creds.Kind{records.ErrTooMany: creds.Ambiguous, errDown: ""} {
		source := records.New(records.Options{API: &flooded{s.api, with}, Roles: s.roles, Now: s.now})
		wantKeys(t, source, tokenRule("lab"), anns, "AKANN")
		wantKind(t, source, tokenRule("lab"), bobs, word) // a list that is too long may also be a fault of the API server
	}
	s.keep(t, bobs, records.ClassKeys, "AKBOB", "s3://lab")
	wantKeys(t, records.New(records.Options{API: &flooded{s.api, records.ErrTooMany}, Now: s.now}), tokenRule("lab"), bobs, "AKBOB")
}

// TestEditedByAnother: a record that another manager edits is theirs and
// shared with its maker, until the maker edits it again.
func TestEditedByAnother(t *testing.T) {
	s := newSite(t, true)
	anns, bobs := s.person(t, "ann"), s.person(t, "bob")
	made := s.keep(t, anns, records.ClassKeys, "AKANN", "s3://lab")
	s.share(t, anns, "can_manage", made, bobs)
	edit := func(who creds.Caller) {
		s.send(t, who.Token, "PATCH", "credentials/"+made, map[string]any{"credential": map[string]any{"description": "by " + who.UserUUID}})
		s.offset.Add(int64(records.Fresh))
	}
	mine, shared := "your credential record "+made, "the shared credential record "+made
	s.wantAs(t, "lab", anns, mine)
	s.wantAs(t, "lab", bobs, shared)
	edit(bobs)
	s.wantAs(t, "lab", anns, shared)
	s.wantAs(t, "lab", bobs, mine)

	s.share(t, bobs, "can_read", s.keep(t, bobs, records.ClassKeys, "AKBOB", "s3://lab"), anns)
	s.offset.Add(int64(records.Fresh))
	wantKind(t, s.source, tokenRule("lab"), anns, creds.Ambiguous)
	edit(anns)
	s.wantAs(t, "lab", anns, mine)
	wantKeys(t, s.source, tokenRule("lab"), anns, "AKANN")
}
