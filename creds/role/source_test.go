// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/role"
)

// TestOneCall: 500 reads at once lead to one call of the STS, although the
// first of them leaves.
func TestOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &double{block: time.Second}
		s := newSource(t, d, nil)
		first, leave := context.WithCancel(t.Context())
		left := make(chan error)
		p := provider(t, s, onAWS(), person(alice))
		go func() { _, err := p.Retrieve(first); left <- err }()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		var readers errgroup.Group
		for range 500 {
			readers.Go(func() error {
				got, err := provider(t, s, onAWS(), person(alice)).Retrieve(t.Context())
				if err == nil && got.AccessKeyID != alice+"#1" {
					err = errors.New("another session: " + got.AccessKeyID)
				}
				return err
			})
		}
		if err := readers.Wait(); err != nil {
			t.Error(err)
		}
		if got := d.calls(); len(got) != 1 {
			t.Errorf("%d calls", len(got))
		}
	})
}

// TestSessions: sessions are not shared between users, roles, endpoints and
// rules (cases C-15 and T-05), nor between the server and a user. Each token
// is for the audience of its endpoint.
func TestSessions(t *testing.T) {
	d := &double{}
	s := newSource(t, d, nil)
	other, elsewhere, narrow, iam := onAWS(), onAWS(), onAWS(), onAWS()
	other.Role += "2"
	elsewhere.Endpoint = &creds.Endpoint{Name: "lab", URL: "http://lab", Region: "us-east-1", NoWebIdentity: true}
	narrow.Prefix = "a/"
	iam.Mode = creds.IAM
	want(t, provider(t, s, onAWS(), person(alice)), alice+"#1")
	want(t, provider(t, s, onAWS(), person(bob)), bob+"#2")
	want(t, provider(t, s, other, person(alice)), alice+"#3")
	want(t, provider(t, s, elsewhere, person(alice)), alice+"#4")
	want(t, provider(t, s, narrow, person(alice)), alice+"#5")
	want(t, provider(t, s.Server(), iam, person(alice)), "keepstore#6")
	want(t, provider(t, s.Server(), iam, person(bob)), "keepstore#6")
	want(t, provider(t, s, onAWS(), person(alice)), alice+"#1")
	partner := onAWS()
	partner.Endpoint = &creds.Endpoint{Name: "partner", URL: "http://partner", Region: "us-east-1", Audience: "@partner"}
	want(t, provider(t, s, partner, person(alice)), alice+"#7")
	asked := []string{"token T-" + alice + "@aws " + alice, "token T-" + bob + "@aws " + bob, "token T-" + alice + "@aws " + alice, "id X-" + alice + " by OWN " + alice,
		"token T-" + alice + "@aws " + alice, "id X-keepstore by OWN keepstore", "token T-" + alice + "@partner " + alice}
	if got := d.calls(); !slices.Equal(got, asked) {
		t.Errorf("asked %q", got)
	}
}

// TestServerWithoutRole: rules of mode iam that name no role use the server's
// own credentials.
func TestServerWithoutRole(t *testing.T) {
	rule := onAWS()
	rule.Mode, rule.Role = creds.IAM, ""
	want(t, provider(t, newSource(t, &double{}, nil).Server(), rule, person(alice)), "OWN")
}

// TestSessionLife is case T-12: a session in use is replaced before its end
// without anyone waiting, and is never used past it.
func TestSessionLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &double{}
		p := provider(t, newSource(t, d, nil), onAWS(), person(alice))
		want(t, p, alice+"#1")
		if ends, err := p.(interface {
			Ends(context.Context) (time.Time, error)
		}).Ends(t.Context()); err != nil || !ends.Equal(time.Now().Add(15*time.Minute)) {
			t.Errorf("the session ends at %v, %v", ends, err)
		}
		time.Sleep(9 * time.Minute)
		want(t, p, alice+"#1")
		time.Sleep(time.Minute)
		want(t, p, alice+"#1") // asks ahead
		synctest.Wait()
		want(t, p, alice+"#2")
		d.fail(&creds.Error{Kind: creds.Unavailable, Text: "down"})
		ends := time.Now().Add(15*time.Minute - 10*time.Second)
		for time.Now().Before(ends) {
			want(t, p, alice+"#2")
			time.Sleep(5 * time.Second)
		}
		want(t, p, "creds-unavailable")
		d.fail(nil)
		want(t, p, fmt.Sprint(alice, "#", len(d.calls())+1))
	})
}

// TestShortSession: an STS that gives less than it was asked for.
func TestShortSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &double{life: 12 * time.Second}
		p := provider(t, newSource(t, d, nil), onAWS(), person(alice))
		want(t, p, alice+"#1")
		time.Sleep(6*time.Second - 1)
		want(t, p, alice+"#1")
		synctest.Wait()
		time.Sleep(12 * time.Second)
		want(t, p, fmt.Sprint(alice, "#", len(d.calls())+1))
	})
}

// TestRefused: a refusal is remembered for five seconds, heard at the next
// session at the latest, and does not touch other users.
func TestRefused(t *testing.T) {
	for _, kind := range []creds.Kind{creds.RoleRefused, creds.ClockSkew} {
		synctest.Test(t, func(t *testing.T) {
			d := &double{}
			s := newSource(t, d, nil)
			p := provider(t, s, onAWS(), person(alice))
			want(t, p, alice+"#1")
			d.fail(&creds.Error{Kind: kind, Text: "no"})
			time.Sleep(10 * time.Minute)
			want(t, p, alice+"#1")
			synctest.Wait()
			for range 100 {
				want(t, p, string(kind))
			}
			if got := d.calls(); len(got) != 2 {
				t.Errorf("%s: %d calls", kind, len(got))
			}
			d.fail(nil)
			want(t, provider(t, s, onAWS(), person(bob)), bob+"#3")
			want(t, p, string(kind))
			time.Sleep(5 * time.Second)
			want(t, p, alice+"#4")
		})
	}
}

// TestInvalidate: a session that S3 refuses is replaced, but not all the time.
func TestInvalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := provider(t, newSource(t, &double{}, nil), onAWS(), person(alice)).(creds.Renewer)
		want(t, p, alice+"#1")
		p.Invalidate()
		want(t, p, alice+"#1")
		time.Sleep(5 * time.Second)
		p.Invalidate()
		want(t, p, alice+"#2")
	})
}

// TestCallers: a sharing link has no rights of its own, and sessions are for
// users who can be named.
func TestCallers(t *testing.T) {
	link, inactive := person(alice), person(alice)
	link.AllScopes, inactive.Active = false, false
	for _, c := range []struct {
		caller creds.Caller
		kind   creds.Kind
		text   string
	}{
		{link, creds.ScopeNeeded, "mode iam"},
		{inactive, creds.ScopeNeeded, "active users only"},
		{person(""), creds.Missing, "belongs to none"},
		{person(role.ServerName), creds.Missing, "belongs to none"},
		{person("alice@example.org"), creds.Missing, "belongs to none"},
	} {
		d := &double{}
		_, err := newSource(t, d, nil).Credentials(t.Context(), onAWS(), c.caller)
		e := (*creds.Error)(nil)
		if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(e.Text, c.text) || len(d.calls()) > 0 {
			t.Errorf("%+v: got %v", c.caller, err)
		}
	}
}

// BenchmarkWarm is what a read costs before its one request.
func BenchmarkWarm(b *testing.B) {
	s, err := role.New(role.Options{STS: &double{}, Minter: minter{}, Own: own{}, ExternalID: externalID})
	if err != nil {
		b.Fatal(err)
	}
	rule := onAWS()
	for b.Loop() {
		got, err := s.Credentials(b.Context(), rule, person(alice))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := got.Provider.Retrieve(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoMinter: an endpoint that wants tokens, on a server that makes none.
func TestNoMinter(t *testing.T) {
	s := newSource(t, &double{}, func(o *role.Options) { o.Minter = nil })
	want(t, provider(t, s, onAWS(), person(alice)), "creds-missing")
	if _, err := role.New(role.Options{}); err == nil {
		t.Error("a source without an STS was made")
	}
	if _, err := role.New(role.Options{STS: &double{}, Own: own{}, ExternalID: externalID, Allow: []string{"*"}}); err == nil {
		t.Error("a bad pattern was accepted")
	}
}

// TestPrinted: no key of a session can be printed.
func TestPrinted(t *testing.T) {
	p := provider(t, newSource(t, &double{}, nil), onAWS(), person(alice))
	want(t, p, alice+"#1")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if out := fmt.Sprintf(verb, struct{ P aws.CredentialsProvider }{p}); strings.Contains(out, "hunter2") {
			t.Errorf("%s shows a key: %s", verb, out)
		}
	}
}
