// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// renewing is a provider with keys that are remembered, and others behind them.
type renewing struct {
	now, next   aws.CredentialsProvider
	invalidated atomic.Int64
}

func (r *renewing) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if r.invalidated.Load() > 0 {
		return r.next.Retrieve(ctx)
	}
	return r.now.Retrieve(ctx)
}

func (r *renewing) Invalidate() { r.invalidated.Add(1) }

// staff is a server with a bucket, an object in it, and a user who may read it.
type staff struct {
	*rig
	user   *testenv.User
	object locator.Object
}

func newStaff(t *testing.T, server *testenv.Server) *staff {
	t.Helper()
	bucket, key := "staff-"+strings.ToLower(t.Name()[len("Test"):]), "dir/x"
	server.Bucket(t, bucket, true)
	object := putOn(t, server, bucket, key, []byte("0123456789"))
	r := &rig{t: t, server: server, proxy: faultproxy.New(t, server.URL), reader: newReader(t, patient)}
	r.proxy.Set()
	s := &staff{rig: r, user: server.User(t, "alice"), object: object}
	s.user.AllowRead(t, bucket, "dir/")
	return s
}

// as is access with the keys of the user, and with others once they are
// invalidated.
func (s *staff) as(now, next aws.CredentialsProvider) (creds.Access, *renewing) {
	p := &renewing{now: now, next: next}
	s.proxy.Set()
	return creds.Access{Endpoint: s.server.Endpoint(s.proxy.URL()), Provider: p, As: "the credential record of alice", Personal: true}, p
}

func (s *staff) read(a creds.Access) (string, error) {
	got, err := readAll(s.reader, a, pseudoblock.Extent{Object: s.object, Offset: 2, Size: 3})
	return string(got), err
}

func (s *staff) spent(what string, p *renewing, invalidated int64, requests int) {
	s.t.Helper()
	if n := p.invalidated.Load(); n != invalidated {
		s.t.Errorf("%s: the keys were invalidated %d times in place of %d", what, n, invalidated)
	}
	if log := s.proxy.Log(); len(log) != requests {
		s.t.Errorf("%s: %d requests in place of %d: %v", what, len(log), requests, log)
	}
}

// TestC11RotatedKeysMinIO: keys that S3 does not know any more are fetched once
// again, and the read goes on with what comes; never more than one request.
func TestC11RotatedKeysMinIO(t *testing.T) { rotatedKeys(t, servers.MinIO(t), 2) }

// TestC11RotatedKeysVersity: versitygw tells HEAD no code, so one more request asks why it was refused.
func TestC11RotatedKeysVersity(t *testing.T) { rotatedKeys(t, servers.Versitygw(t), 3) }

func rotatedKeys(t *testing.T, server *testenv.Server, headRequests int) {
	s := newStaff(t, server)
	old := testenv.Keys(s.user.AccessKey, s.user.Secret())
	a, p := s.as(old, nil)
	if got, err := s.read(a); err != nil || got != "234" {
		t.Errorf("control: %q, %v", got, err)
	}
	s.spent("control", p, 0, 1)
	fresh := testenv.Keys(s.user.AccessKey, s.user.Rotate(t))
	a, p = s.as(old, fresh)
	if got, err := s.read(a); err != nil || got != "234" {
		t.Errorf("GET: %q, %v", got, err)
	}
	s.spent("GET", p, 1, 2)
	a, p = s.as(old, fresh)
	if info, err := s.reader.Head(t.Context(), a, s.object); err != nil || info.Size != 10 {
		t.Errorf("HEAD: %+v, %v", info, err)
	}
	s.spent("HEAD", p, 1, headRequests)
	a, p = s.as(old, fresh)
	n := 0
	for v, err := range s.reader.Versions(t.Context(), a, s.object.Bucket, "dir/", "") {
		if n++; err != nil || v.Object != s.object {
			t.Errorf("listing: %v, %v", v.Object, err)
		}
	}
	s.spent("listing", p, 1, 2)
	if n != 1 {
		t.Errorf("%d entries", n)
	}
	a, p = s.as(old, old)
	_, err := s.read(a)
	if e := wantKind(t, err, s3read.CredsExpired); !strings.Contains(e.Text, "of the credential record of alice") {
		t.Errorf("%s", e.Text)
	}
	s.spent("keys that stay bad", p, 1, 2)
	a, p = s.as(old, old)
	_, err = s.reader.Head(t.Context(), a, s.object)
	wantKind(t, err, s3read.CredsExpired)
	s.spent("HEAD with keys that stay bad", p, 1, headRequests)
	a, _ = s.as(old, nil)
	a.Provider = old
	_, err = s.read(a)
	wantKind(t, err, s3read.CredsExpired)
	s.requests(1)
}

// TestC16DenialsMinIO: a denial is no reason to renew keys, and nothing
// remembers it.
func TestC16DenialsMinIO(t *testing.T) { denials(t, servers.MinIO(t), 1) }

func TestC16DenialsVersity(t *testing.T) { denials(t, servers.Versitygw(t), 2) }

func denials(t *testing.T, server *testenv.Server, headRequests int) {
	s := newStaff(t, server)
	keys := testenv.Keys(s.user.AccessKey, s.user.Secret())
	s.user.Deny(t, s.object.Bucket)
	a, p := s.as(keys, nil)
	_, err := s.read(a)
	e := wantKind(t, err, s3read.Denied)
	for _, want := range []string{"let the credential record of alice read s3://", "ask the owner of the bucket to grant s3:GetObjectVersion", "a missing key looks the same"} {
		if !strings.Contains(e.Text, want) {
			t.Errorf("the sentence %q lacks %q", e.Text, want)
		}
	}
	if strings.Contains(e.Text, s.user.AccessKey) || strings.Contains(e.Text, "arn:") {
		t.Errorf("the sentence tells too much: %s", e.Text)
	}
	s.spent("GET", p, 0, 1)
	a, p = s.as(keys, nil)
	_, err = s.reader.Head(t.Context(), a, s.object)
	wantKind(t, err, s3read.Denied)
	s.spent("HEAD", p, 0, headRequests)
	s.user.AllowRead(t, s.object.Bucket, "dir/")
	if got, err := s.read(a); err != nil || got != "234" {
		t.Errorf("granted since: %q, %v", got, err)
	}
}

// TestC11ResumeWithNewKeys: keys that are withdrawn while a body is read are
// fetched again for the rest of it.
func TestC11ResumeWithNewKeys(t *testing.T) {
	r := newRig(t, patient)
	p := &renewing{now: testenv.Keys(testenv.AccessKey, testenv.SecretKey), next: testenv.Keys(testenv.AccessKey, testenv.SecretKey)}
	r.access.Provider = p
	r.proxy.Set(faultproxy.Rule{Do: actions{faultproxy.CloseAt(1000)}, Count: 1},
		faultproxy.Rule{Do: actions{faultproxy.Answer(400, errorXML("ExpiredToken", ""))}, Count: 1})
	r.good(3)
	if p.invalidated.Load() != 1 {
		t.Errorf("invalidated %d times", p.invalidated.Load())
	}
}

// TestWhomToAsk: the operator about the server's rights, the owner of the
// bucket about those of a person.
func TestWhomToAsk(t *testing.T) {
	for _, c := range []struct {
		access         creds.Access
		code           string
		kind           s3read.Kind
		want, wantNone string
	}{
		{creds.Access{As: "this server's own credentials"}, "AccessDenied", s3read.Denied,
			"S3 does not let this server's own credentials read s3://", "owner of the bucket"},
		{creds.Access{As: "this server's own credentials"}, "AccessDenied", s3read.Denied, "ask the operator to grant s3:GetObjectVersion", "arn:"},
		{creds.Access{As: "the role of her own", Personal: true}, "AccessDenied", s3read.Denied, "ask the owner of the bucket to grant", "ask the operator"},
		{creds.Access{As: "this server's own credentials"}, "ExpiredToken", s3read.CredsExpired, "ask the operator to renew it", "replace it"},
		{creds.Access{As: "the credential record r", Personal: true}, "InvalidAccessKeyId", s3read.CredsExpired, "the credential record r: it is wrong", "ask the operator"},
		{creds.Access{}, "AccessDenied", s3read.Denied, "S3 does not let these credentials read", "arn:"},
	} {
		r := newRig(t, patient)
		r.access.As, r.access.Personal = c.access.As, c.access.Personal
		r.always(faultproxy.Answer(403, errorXML(c.code, "<Message>User: arn:aws:iam::111122223333:role/other is not authorized</Message>")))
		if e := r.fails(c.kind, 1); !strings.Contains(e.Text, c.want) || strings.Contains(e.Text, c.wantNone) || strings.Contains(e.Text, "arn:") {
			t.Errorf("%s of %q: %s", c.code, c.access.As, e.Text)
		}
	}
}
