// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/apiserver"
	"github.com/arvados-s3/keepstore/internal/arvados"
)

// site is a real API server with its client, on one clock.
type site struct {
	*apiserver.Server
	client *arvados.Client
	calls  atomic.Int64
	offset atomic.Int64
	ann    apiserver.User
}

func (s *site) now() time.Time {
	return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(s.offset.Load()))
}

func (s *site) advance(d time.Duration) { s.offset.Add(int64(d)) }

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	var err error
	if s.Server, err = apiserver.Open(apiserver.Options{DataDir: t.TempDir(), ClusterID: "abcde", Now: s.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Server.Close() })
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		s.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(ts.Close)
	if s.client, err = arvados.New(arvados.Options{URL: ts.URL, Now: s.now, Timeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	s.ann = s.user(t, apiserver.UserSpec{Email: "ann@example.org", Active: true})
	return s
}

func (s *site) user(t *testing.T, spec apiserver.UserSpec) apiserver.User {
	t.Helper()
	u, err := s.CreateUser(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (s *site) token(t *testing.T, spec apiserver.TokenSpec) (apiserver.Token, creds.Secret) {
	t.Helper()
	token, err := s.CreateToken(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return token, creds.NewSecret(token.Reveal())
}

func (s *site) caller(t *testing.T, token creds.Secret) (creds.Caller, arvados.Kind) {
	t.Helper()
	got, err := s.client.Caller(context.Background(), token)
	var e *arvados.Error
	if errors.As(err, &e) {
		return got, e.Kind
	}
	if err != nil {
		t.Fatal(err)
	}
	return got, ""
}

func TestCallers(t *testing.T) {
	s := newSite(t)
	idle := s.user(t, apiserver.UserSpec{Email: "idle@example.org"})
	_, full := s.token(t, apiserver.TokenSpec{UserUUID: s.ann.UUID})
	_, scoped := s.token(t, apiserver.TokenSpec{UserUUID: s.ann.UUID, Scopes: []string{"GET /arvados/v1/collections/x"}})
	_, inactive := s.token(t, apiserver.TokenSpec{UserUUID: idle.UUID})
	_, expired := s.token(t, apiserver.TokenSpec{UserUUID: s.ann.UUID, ExpiresAt: s.now()})
	for name, c := range map[string]struct {
		token creds.Secret
		want  creds.Caller
		kind  arvados.Kind
	}{
		"full":       {full, creds.Caller{UserUUID: s.ann.UUID, Active: true, AllScopes: true}, ""},
		"secret":     {creds.NewSecret(full.Reveal()[strings.LastIndex(full.Reveal(), "/")+1:]), creds.Caller{UserUUID: s.ann.UUID, Active: true, AllScopes: true}, ""},
		"scoped":     {scoped, creds.Caller{UserUUID: s.ann.UUID, Active: true}, ""},
		"inactive":   {inactive, creds.Caller{UserUUID: idle.UUID, AllScopes: true}, ""},
		"system":     {creds.NewSecret(s.SystemRootToken()), creds.Caller{UserUUID: "abcde-tpzed-000000000000000", Active: true, AllScopes: true}, ""},
		"expired":    {expired, creds.Caller{}, arvados.TokenRefused},
		"never made": {creds.NewSecret("v2/abcde-gj3su-000000000000001/secret"), creds.Caller{}, arvados.TokenRefused},
	} {
		got, kind := s.caller(t, c.token)
		if diff := cmp.Diff(c.want, got); diff != "" || kind != c.kind {
			t.Errorf("%s: kind %q, want %q\n%s", name, kind, c.kind, diff)
		}
	}
}

func TestRevocationTakesAMinuteAtMost(t *testing.T) {
	s := newSite(t)
	token, secret := s.token(t, apiserver.TokenSpec{UserUUID: s.ann.UUID})
	if _, kind := s.caller(t, secret); kind != "" {
		t.Fatal(kind)
	}
	if err := s.RevokeToken(context.Background(), token.UUID); err != nil {
		t.Fatal(err)
	}
	calls := s.calls.Load()
	s.advance(arvados.Fresh - 1)
	if _, kind := s.caller(t, secret); kind != "" || s.calls.Load() != calls {
		t.Errorf("just before: %q after %d calls", kind, s.calls.Load()-calls)
	}
	s.advance(1)
	if _, kind := s.caller(t, secret); kind != arvados.TokenRefused {
		t.Errorf("after a minute: %q, want %s", kind, arvados.TokenRefused)
	}
}

func TestExpiryIsExact(t *testing.T) {
	s := newSite(t)
	_, secret := s.token(t, apiserver.TokenSpec{UserUUID: s.ann.UUID, ExpiresAt: s.now().Add(10 * time.Second)})
	for _, step := range []struct {
		wait time.Duration
		want arvados.Kind
	}{{0, ""}, {10*time.Second - 1, ""}, {1, arvados.TokenRefused}} {
		s.advance(step.wait)
		if _, kind := s.caller(t, secret); kind != step.want {
			t.Errorf("after %v more: %q, want %q", step.wait, kind, step.want)
		}
	}
}

func TestMembership(t *testing.T) {
	s, ctx := newSite(t), context.Background()
	bob := s.user(t, apiserver.UserSpec{Email: "bob@example.org", Active: true})
	_, anns := s.token(t, apiserver.TokenSpec{UserUUID: s.ann.UUID})
	_, bobs := s.token(t, apiserver.TokenSpec{UserUUID: bob.UUID})
	var want []string
	for i := range 3 {
		g, err := s.AddGroup(ctx, apiserver.GroupSpec{Name: fmt.Sprint("group ", i)})
		if err == nil {
			err = s.AddMember(ctx, g.UUID, s.ann.UUID)
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, g.UUID)
	}
	slices.Sort(want)
	check := func(when string, token creds.Secret, user string, want []string) {
		t.Helper()
		got, err := s.client.Groups(ctx, token, user)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", when, err, diff)
		}
	}
	check("Ann", anns, s.ann.UUID, want)
	check("Bob", bobs, bob.UUID, nil)
	check("Bob about Ann", bobs, s.ann.UUID, nil)
	if err := s.RemoveMember(ctx, want[0], s.ann.UUID); err != nil {
		t.Fatal(err)
	}
	s.advance(arvados.Fresh - 1)
	check("Ann, remembered", anns, s.ann.UUID, want)
	s.advance(1)
	check("Ann, a minute later", anns, s.ann.UUID, want[1:])
}

func TestScopedTokenHasNoGroups(t *testing.T) {
	s := newSite(t)
	_, scoped := s.token(t, apiserver.TokenSpec{UserUUID: s.ann.UUID, Scopes: []string{"GET /arvados/v1/collections/"}})
	_, err := s.client.Groups(context.Background(), scoped, s.ann.UUID)
	var e *arvados.Error
	if !errors.As(err, &e) || e.Kind != arvados.Denied {
		t.Errorf("%v, want %s", err, arvados.Denied)
	}
}

func TestDiscoveryOfOurServer(t *testing.T) {
	s := newSite(t)
	got, err := s.client.Discovery(context.Background())
	want := arvados.Discovery{ClusterID: "abcde", PseudoBlocks: true, BlobSignatureTTL: 336 * time.Hour}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// TestTwoUsersAtOnce is the shape of case C-01: nobody is taken for another.
func TestTwoUsersAtOnce(t *testing.T) {
	s := newSite(t)
	bob := s.user(t, apiserver.UserSpec{Email: "bob@example.org", Active: true})
	_, anns := s.token(t, apiserver.TokenSpec{UserUUID: s.ann.UUID})
	_, bobs := s.token(t, apiserver.TokenSpec{UserUUID: bob.UUID})
	var wg sync.WaitGroup
	for i := range 32 {
		token, want := anns, s.ann.UUID
		if i%2 == 1 {
			token, want = bobs, bob.UUID
		}
		wg.Go(func() {
			for range 50 {
				got, err := s.client.Caller(context.Background(), token)
				if err != nil || got.UserUUID != want {
					t.Errorf("%s was taken for %s: %v", want, got.UserUUID, err)
				}
				s.advance(time.Second)
			}
		})
	}
	wg.Wait()
}

// TestFloodOfBadTokens is case C-06 with a real server: those who are in stay
// in without a call, and newcomers are served.
func TestFloodOfBadTokens(t *testing.T) {
	s := newSite(t)
	_, known := s.token(t, apiserver.TokenSpec{UserUUID: s.ann.UUID})
	_, newcomer := s.token(t, apiserver.TokenSpec{UserUUID: s.ann.UUID})
	if _, kind := s.caller(t, known); kind != "" {
		t.Fatal(kind)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			for j := range 3 {
				if _, err := s.client.Caller(context.Background(), creds.NewSecret(fmt.Sprintf("bad%dbad%d", i, j))); err == nil {
					t.Error("a bad token is taken")
				}
			}
		})
	}
	if _, kind := s.caller(t, newcomer); kind != "" {
		t.Errorf("newcomer: %q", kind)
	}
	wg.Wait()
	calls := s.calls.Load()
	if _, kind := s.caller(t, known); kind != "" || s.calls.Load() != calls {
		t.Errorf("known user: %q after %d calls", kind, s.calls.Load()-calls)
	}
}
