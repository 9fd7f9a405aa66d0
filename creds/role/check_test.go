// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/role"
	"github.com/arvados-s3/keepstore/creds/sts"
	"github.com/arvados-s3/keepstore/locator"
)

// TestCheck is cases T-02 and T-03: what may not be assumed is refused before
// the STS hears of it, whether a rule or a record names it.
func TestCheck(t *testing.T) {
	allow := []string{"arn:aws:iam::*:role/arvados-*"}
	for _, c := range []struct {
		name     string
		own      string
		allow    []string
		rule     string // the rule's role, or "" for a rule of mode token
		role     string
		accepted bool
	}{
		{"rule", "", nil, readers, readers, true},
		{"rule, own account", "111122223333", nil, readers, readers, false},
		{"rule, another own account", "999922223333", nil, readers, readers, true},
		{"rule, not allowed", "", allow, readers, readers, false},
		{"rule, allowed", "", allow, "arn:aws:iam::111122223333:role/arvados-1", "arn:aws:iam::111122223333:role/arvados-1", true},
		{"record, nothing allowed", "", nil, "", readers, false},
		{"record under a rule of mode role", "", nil, "arn:aws:iam::111122223333:role/other", readers, false},
		{"record, not allowed", "", allow, "", readers, false},
		{"record, allowed", "", allow, "", "arn:aws:iam::111122223333:role/arvados-1", true},
		{"record, own account", "111122223333", allow, "", "arn:aws:iam::111122223333:role/arvados-1", false},
		{"record, own role", "", allow, "", "arn:aws:iam::111122223333:role/arvados-own", false},
		{"record, path", "", allow, "", "arn:aws:iam::111122223333:role/x/arvados-1", false},
		{"other partition", "", []string{"arn:*:iam::*:role/*"}, "", "arn:aws-cn:iam::111122223333:role/arvados-1", false},
		{"other service", "", allow, "", "arn:aws:s3:::arvados-1", false},
		{"user", "", allow, "", "arn:aws:iam::111122223333:user/arvados-1", false},
		{"wildcard", "", allow, "", "arn:aws:iam::111122223333:role/arvados-*", false},
		{"control", "", allow, "", "arn:aws:iam::111122223333:role/arvados-1\x00", false},
		{"empty", "", allow, "", "", false},
		{"long", "", allow, "", "arn:aws:iam::111122223333:role/arvados-" + strings.Repeat("a", 3000), false},
	} {
		d := &double{}
		s := newSource(t, d, func(o *role.Options) {
			o.OwnAccount, o.Allow, o.OwnRoles = c.own, c.allow, []string{"arn:aws:iam::111122223333:role/arvados-own"}
		})
		rule := onAWS()
		if rule.Role = c.rule; c.rule == "" {
			rule.Mode = creds.Token
		}
		got, err := s.Assume(t.Context(), rule, c.role, person(alice), "a record")
		if c.accepted {
			if err != nil || got.As != "a record" {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			want(t, got.Provider, alice+"#1")
			continue
		}
		e := (*creds.Error)(nil)
		if !errors.As(err, &e) || e.Kind != creds.RoleRefused || len(d.calls()) > 0 {
			t.Errorf("%s: got %v after %d calls", c.name, err, len(d.calls()))
		} else if strings.Contains(e.Text, "arvados-") || strings.Contains(e.Text, "readers") && !strings.Contains(e.Text, "such as") {
			t.Errorf("%s: the error names a role: %s", c.name, e.Text)
		}
	}
}

// TestExternalID compares with HMAC-SHA-256 computed by another program: the
// ids stand in trust policies of others and may never change.
func TestExternalID(t *testing.T) {
	signer, err := locator.NewSigner([]byte("the key of the cluster"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	id := role.NewExternalIDs(signer.Derive(role.ExternalIDLabel), "zzzzz")
	const known = "6fc9ed2f049d6cb86acc8dd665779907447bb8913061ce48fe5a6d47ea679d5f"
	if got := id(alice); got != known {
		t.Errorf("got %s, want %s", got, known)
	}
	seen := map[string]string{}
	for _, cluster := range []string{"zzzzz", "zzzz", "yyyyy"} {
		for _, name := range []string{alice, bob, "z" + alice, role.ServerName} {
			got := role.NewExternalIDs(signer.Derive(role.ExternalIDLabel), cluster)(name)
			if other := seen[got]; other != "" || len(got) != 64 {
				t.Errorf("%s in %s has the id %s, as %s has", name, cluster, got, other)
			}
			seen[got] = name + " in " + cluster
		}
	}
}

// policies is a double that keeps the policy it is sent.
type policies struct {
	double
	last string
}

func (p *policies) AssumeWithToken(_ context.Context, r sts.Request, _ creds.Secret) (aws.Credentials, error) {
	p.last = r.Policy
	return aws.Credentials{AccessKeyID: "K", CanExpire: true, Expires: time.Now().Add(r.Life)}, nil
}

// TestPolicy: sessions may read and list what the rule covers. Nothing in a
// prefix is a wildcard or a variable. The requests of s3read on real servers
// show that it is enough, and that it narrows.
func TestPolicy(t *testing.T) {
	lab := &creds.Endpoint{Name: "lab", URL: "http://lab", Region: "cn-north-1"}
	china := &creds.Endpoint{Name: "cn", Region: "cn-north-1"}
	for _, c := range []struct {
		rule creds.Rule
		want string
	}{
		{creds.Rule{Bucket: "b-1", Endpoint: lab}, `{"Version":"2012-10-17","Statement":[` +
			`{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion","s3:GetObjectRetention","s3:GetObjectLegalHold"],"Resource":"arn:aws:s3:::b-1/*"},` +
			`{"Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":"arn:aws:s3:::b-1"},` +
			`{"Effect":"Allow","Action":["s3:GetLifecycleConfiguration","s3:GetBucketObjectLockConfiguration"],"Resource":"arn:aws:s3:::b-1"}]}`},
		{creds.Rule{Bucket: "b-1", Prefix: "a/b/", Endpoint: china}, `{"Version":"2012-10-17","Statement":[` +
			`{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion","s3:GetObjectRetention","s3:GetObjectLegalHold"],"Resource":"arn:aws-cn:s3:::b-1/a/b/*"},` +
			`{"Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":"arn:aws-cn:s3:::b-1","Condition":{"StringLike":{"s3:prefix":"a/b/*"}}},` +
			`{"Effect":"Allow","Action":["s3:GetLifecycleConfiguration","s3:GetBucketObjectLockConfiguration"],"Resource":"arn:aws-cn:s3:::b-1"},` +
			`{"Effect":"Allow","Action":["kms:Decrypt"],"Resource":"*","Condition":{"StringLike":{"kms:ViaService":"s3.*"}}}]}`},
		{creds.Rule{Bucket: "b-1", Prefix: "*?$\"<é/", Endpoint: lab}, `{"Version":"2012-10-17","Statement":[` +
			`{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion","s3:GetObjectRetention","s3:GetObjectLegalHold"],"Resource":"arn:aws:s3:::b-1/${*}${?}${$}\"\u003cé/*"},` +
			`{"Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":"arn:aws:s3:::b-1","Condition":{"StringLike":{"s3:prefix":"${*}${?}${$}\"\u003cé/*"}}},` +
			`{"Effect":"Allow","Action":["s3:GetLifecycleConfiguration","s3:GetBucketObjectLockConfiguration"],"Resource":"arn:aws:s3:::b-1"}]}`},
	} {
		c.rule.Mode, c.rule.Role = creds.Role, "arn:aws:iam::111122223333:role/readers"
		if c.rule.Endpoint == china {
			c.rule.Role = "arn:aws-cn:iam::111122223333:role/readers"
		}
		seen := &policies{}
		want(t, provider(t, newSource(t, seen, nil), &c.rule, person(alice)), "K")
		if diff := cmp.Diff(c.want, seen.last); diff != "" {
			t.Error(diff)
		}
	}
}
