// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/records"
)

// roles assumes roles of one account, for as long as a session may live.
type roles struct {
	assumed []string
	renewed int
	// none makes it give no provider.
	none bool
	// pause is how long a check takes.
	pause time.Duration
}

func (r *roles) Check(_ *creds.Rule, roleARN string) error {
	time.Sleep(r.pause)
	if !strings.HasPrefix(roleARN, "arn:aws:iam::123456789012:role/") {
		return errors.New("not in the list of roles")
	}
	return nil
}

func (r *roles) Assume(_ context.Context, rule *creds.Rule, roleARN string, c creds.Caller, as string) (creds.Identity, error) {
	r.assumed = append(r.assumed, c.UserUUID+" "+roleARN)
	if r.none {
		return creds.Identity{As: as}, nil
	}
	return creds.Identity{Provider: &session{r, "of " + c.UserUUID + " as " + roleARN + " for " + rule.URL()}, As: as}, nil
}

type session struct {
	roles *roles
	text  string
}

func (s *session) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "ASIA", SecretAccessKey: "secret", SessionToken: s.text,
		CanExpire: true, Expires: time.Now().Add(15 * time.Minute)}, nil
}

func (s *session) Invalidate() { s.roles.renewed++ }

// withRole is inBubble with one record of a role in place of keys.
func withRole(t *testing.T, f func(t *testing.T, v *vault, r *roles, s *records.Source)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v, r := newVault(), &roles{}
		v.storeRole(annRole, ann, arn, time.Now().Add(100*time.Second), "s3://b")
		f(t, v, r, records.New(records.Options{API: v, Roles: r}))
		synctest.Wait()
	})
}

// wantEnd checks when there will be no more keys.
func wantEnd(t *testing.T, id creds.Identity, want time.Time) {
	t.Helper()
	got, err := id.Provider.(interface {
		Ends(context.Context) (time.Time, error)
	}).Ends(t.Context())
	if err != nil || !got.Equal(want) {
		t.Errorf("it ends at %v, %v; want %v", got, err, want)
	}
}

// TestEnds: keys end with their record, and not with our memory of them; a
// session that ends before its record ends by itself.
func TestEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *vault, s *records.Source) {
		id, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
		if err != nil {
			t.Fatal(err)
		}
		ends := time.Now().Add(time.Hour)
		wantEnd(t, id, ends)
		time.Sleep(10 * time.Minute)
		wantEnd(t, id, ends)
	})
	withRole(t, func(t *testing.T, v *vault, _ *roles, s *records.Source) {
		v.storeRole(annRole, ann, arn, time.Now().Add(time.Hour), "s3://b")
		id, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
		if err != nil {
			t.Fatal(err)
		}
		wantEnd(t, id, time.Now().Add(15*time.Minute))
	})
}

func TestRoleRecord(t *testing.T) {
	withRole(t, func(t *testing.T, v *vault, r *roles, s *records.Source) {
		id, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
		if err != nil || id.As != "the role of your credential record "+annRole || r.assumed[0] != ann+" "+arn {
			t.Fatalf("%+v, %v, %v", id, err, r.assumed)
		}
		got, err := id.Provider.Retrieve(t.Context())
		if err != nil || got.SessionToken != "of "+ann+" as "+arn+" for s3://b/" || !got.Expires.Equal(time.Now().Add(100*time.Second)) {
			t.Errorf("%q until %v, %v; want it to end with the record", got.SessionToken, got.Expires, err)
		}
		wantEnd(t, id, time.Now().Add(100*time.Second))
		if v.called("secret") != 0 {
			t.Error("asked for the secret of a role")
		}
		id.Provider.(creds.Renewer).Invalidate()
		if r.renewed != 1 {
			t.Error("the session was not renewed")
		}
		time.Sleep(100 * time.Second)
		if _, err := id.Provider.Retrieve(t.Context()); kind(err) != creds.Expired {
			t.Errorf("after the end of the record: %v", err)
		}
	})
}

// TestRoleChanges: who holds a session of one role never slides into another,
// and loses it with the record.
func TestRoleChanges(t *testing.T) {
	for name, change := range map[string]func(e *entry){
		"another role":  func(e *entry) { e.ExternalID += "2" },
		"another class": func(e *entry) { e.Class, e.ExternalID = records.ClassKeys, "AK" },
		"foreign role":  func(e *entry) { e.ExternalID = "arn:aws:iam::999999999999:role/x" },
		"not shared":    func(e *entry) { delete(e.readers, ann) },
	} {
		withRole(t, func(t *testing.T, v *vault, r *roles, s *records.Source) {
			id, err := s.Credentials(t.Context(), tokenRule("b"), annCaller())
			if err != nil {
				t.Fatal(err)
			}
			v.change(func() { change(v.entries[annRole]) })
			if _, err := id.Provider.Retrieve(t.Context()); err != nil {
				t.Errorf("%s: remembered: %v", name, err)
			}
			time.Sleep(records.Fresh)
			if _, err := id.Provider.Retrieve(t.Context()); err == nil {
				t.Errorf("%s: the session is still given out", name)
			}
		})
	}
}

// TestRolesLeftOut: records of roles that may not be assumed hide no other.
func TestRolesLeftOut(t *testing.T) {
	withRole(t, func(t *testing.T, v *vault, r *roles, s *records.Source) {
		v.change(func() { v.entries[annRole].ExternalID = "arn:aws:iam::999999999999:role/x" })
		wantKind(t, s, tokenRule("b"), annCaller(), creds.Missing)
		v.store(keysOne, ann, time.Now().Add(time.Hour), "s3://b")
		time.Sleep(records.FreshRefusal)
		wantKeys(t, s, tokenRule("b"), annCaller(), keyID)
		if len(r.assumed) > 0 {
			t.Errorf("assumed %v", r.assumed)
		}
	})
	withRole(t, func(t *testing.T, v *vault, _ *roles, _ *records.Source) {
		wantKind(t, records.New(records.Options{API: v}), tokenRule("b"), annCaller(), creds.Missing)
	})
}

// TestNeverUnsigned: no provider would mean requests without a signature.
func TestNeverUnsigned(t *testing.T) {
	withRole(t, func(t *testing.T, _ *vault, r *roles, s *records.Source) {
		r.none = true
		wantKind(t, s, tokenRule("b"), annCaller(), creds.Unavailable)
	})
}
