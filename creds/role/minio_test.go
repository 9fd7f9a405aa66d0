// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/issuer"
	"github.com/arvados-s3/keepstore/creds/role"
	"github.com/arvados-s3/keepstore/creds/sts"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

const audience = "sts.amazonaws.com"

// newIssuer publishes the documents of an issuer of ours on loopback.
func newIssuer(t *testing.T) (i *issuer.Issuer, url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url = "http://" + listener.Addr().String()
	i, err = issuer.New(issuer.Options{URL: url, ClusterID: "zzzzz", KeyFile: filepath.Join(t.TempDir(), "keys.pem")})
	if err != nil {
		t.Fatal(err)
	}
	routes := http.NewServeMux()
	routes.HandleFunc(issuer.DiscoveryPath, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(i.Discovery()) })
	routes.HandleFunc(issuer.JWKSPath, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(i.JWKS()) })
	web := &http.Server{Handler: routes}
	done := make(chan struct{})
	go func() { defer close(done); _ = web.Serve(listener) }()
	t.Cleanup(func() { _ = web.Close(); <-done })
	return i, url
}

// tellApart lets each user into one prefix of a bucket, for all of S3.
const tellApart = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::shared","arn:aws:s3:::shared/common/*"]},
 {"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::shared/alice/*"],"Condition":{"StringEquals":{"jwt:sub":"zzzzz:` + alice + `"}}},
 {"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::shared/bob/*"],"Condition":{"StringEquals":{"jwt:sub":"zzzzz:` + bob + `"}}},
 {"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::other","arn:aws:s3:::other/*"]}]}`

// rig is a MinIO server that trusts our issuer, with objects.
type rig struct {
	server *testenv.Server
	source *role.Source
	minter *issuer.Issuer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	i, url := newIssuer(t)
	r := &rig{minter: i, server: testenv.MinIOWithIssuer(t, testenv.OpenID{
		ConfigURL: url + issuer.DiscoveryPath, Audience: audience, Policies: []string{"tell-apart"}})}
	r.server.SetIAM(t, testenv.IAM{Policies: map[string]string{"tell-apart": tellApart}})
	for bucket, keys := range map[string][]string{"shared": {"alice/x", "bob/x", "common/x"}, "other": {"x"}} {
		r.server.Bucket(t, bucket, true)
		for _, key := range keys {
			put(t, r.server, bucket, key)
		}
	}
	r.source = newSource(t, sts.New(sts.Options{}), func(o *role.Options) { o.Minter = i })
	return r
}

func put(t *testing.T, s *testenv.Server, bucket, key string) {
	t.Helper()
	if _, err := s.Client(t).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte(key))}); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) rule(bucket, prefix string) *creds.Rule {
	return &creds.Rule{Bucket: bucket, Prefix: prefix, Endpoint: r.server.Endpoint(""), Mode: creds.Role, Role: r.server.RoleARN}
}

// as returns a client with the caller's session under the rule.
func (r *rig) as(t *testing.T, rule *creds.Rule, user string) *s3.Client {
	t.Helper()
	return clientOf(t, r.server, provider(t, r.source, rule, person(user)))
}

func clientOf(t *testing.T, s *testenv.Server, p aws.CredentialsProvider) *s3.Client {
	t.Helper()
	return s3.New(s.Client(t).Options(), func(o *s3.Options) { o.Credentials, o.RetryMaxAttempts = p, 1 })
}

// try runs a request and returns the error code, or "ok".
func try(err error) string {
	if e := smithy.APIError(nil); errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func get(c *s3.Client, bucket, key string) string {
	out, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err == nil {
		_ = out.Body.Close()
	}
	return try(err)
}

func list(c *s3.Client, bucket, prefix string) string {
	_, err := c.ListObjectVersions(context.Background(), &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &prefix})
	if err == nil {
		_, err = c.ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	}
	return try(err)
}

// TestMinIOUsers: two users of one role have the rights that S3 gives to each
// by the subject of their tokens.
func TestMinIOUsers(t *testing.T) {
	r := newRig(t)
	a, b := r.as(t, r.rule("shared", ""), alice), r.as(t, r.rule("shared", ""), bob)
	for _, c := range []struct {
		who  string
		as   *s3.Client
		key  string
		want string
	}{
		{"alice", a, "alice/x", "ok"}, {"alice", a, "common/x", "ok"}, {"alice", a, "bob/x", "AccessDenied"},
		{"bob", b, "bob/x", "ok"}, {"bob", b, "common/x", "ok"}, {"bob", b, "alice/x", "AccessDenied"},
	} {
		if got := get(c.as, "shared", c.key); got != c.want {
			t.Errorf("%s reads %s: %s, want %s", c.who, c.key, got, c.want)
		}
	}
}

// TestMinIONarrow is case T-04: a session reads and lists what its rule covers
// and nothing else, although the role may do all.
func TestMinIONarrow(t *testing.T) {
	r := newRig(t)
	put(t, r.server, "shared", "alice/common-not")
	narrow, wide := r.as(t, r.rule("shared", "alice/"), alice), r.as(t, r.rule("shared", ""), alice)
	other := r.as(t, r.rule("other", ""), alice)
	write := func(c *s3.Client, key string) string {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("shared"), Key: &key, Body: strings.NewReader("x")})
		return try(err)
	}
	remove := func(c *s3.Client, key string) string {
		_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("shared"), Key: &key})
		return try(err)
	}
	// The role itself may write: a session that is not narrowed shows it.
	all, err := r.free(t, 15*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	free := clientOf(t, r.server, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return all, nil }))
	for what, c := range map[string]struct{ got, want string }{
		"free write":          {write(free, "alice/w"), "ok"},
		"free remove":         {remove(free, "alice/w"), "ok"},
		"free other bucket":   {get(free, "other", "x"), "ok"},
		"read":                {get(narrow, "shared", "alice/x"), "ok"},
		"list":                {list(narrow, "shared", "alice/"), "ok"},
		"list deeper":         {list(narrow, "shared", "alice/com"), "ok"},
		"write":               {write(narrow, "alice/x"), "AccessDenied"},
		"remove":              {remove(narrow, "alice/x"), "AccessDenied"},
		"read another prefix": {get(narrow, "shared", "common/x"), "AccessDenied"},
		"list another prefix": {list(narrow, "shared", "common/"), "AccessDenied"},
		"list the bucket":     {list(narrow, "shared", ""), "AccessDenied"},
		"read another bucket": {get(narrow, "other", "x"), "AccessDenied"},
		"wide read":           {get(wide, "shared", "common/x"), "ok"},
		"wide list":           {list(wide, "shared", ""), "ok"},
		"wide write":          {write(wide, "alice/x"), "AccessDenied"},
		"wide other bucket":   {get(wide, "other", "x"), "AccessDenied"},
		"other rule":          {get(other, "other", "x"), "ok"},
		"other rule, back":    {get(other, "shared", "alice/x"), "AccessDenied"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", what, c.got, c.want)
		}
	}
}

// TestMinIOLife: a session lives as long as it was asked to, and not as long
// as the token.
func TestMinIOLife(t *testing.T) {
	r := newRig(t)
	got, err := provider(t, r.source, r.rule("shared", ""), person(alice)).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	long, err := r.free(t, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if d := long.Expires.Sub(got.Expires); d < 40*time.Minute || d > 50*time.Minute {
		t.Errorf("a session of 60 minutes ends %v after one of 15", d)
	}
}

// free returns a session for alice that no policy narrows.
func (r *rig) free(t *testing.T, life time.Duration) (aws.Credentials, error) {
	t.Helper()
	token, err := r.minter.Token(alice, audience)
	if err != nil {
		t.Fatal(err)
	}
	return sts.New(sts.Options{}).AssumeWithToken(t.Context(), sts.Request{
		Endpoint: r.server.Endpoint(""), Role: r.server.RoleARN, SessionName: alice, Life: life}, token)
}

// TestMinIOIgnoresRoles is the second half of decision 0006: MinIO's
// AssumeRole gives the rights of whoever signs, whatever role is named.
func TestMinIOIgnoresRoles(t *testing.T) {
	server := servers.MinIO(t)
	rule := &creds.Rule{Bucket: "shared", Mode: creds.Role, Role: "arn:minio:iam:::role/anything", Endpoint: server.Endpoint("")}
	rule.Endpoint.NoWebIdentity = true
	s := newSource(t, sts.New(sts.Options{}), func(o *role.Options) { o.Own = owner{server} })
	want(t, provider(t, s, rule, person(alice)), "sts-refused")
	rule.Mode = creds.IAM
	want(t, provider(t, s.Server(), rule, person(alice)), "sts-refused")
}

// owner is the server's own credentials: those of the owner of everything.
type owner struct{ server *testenv.Server }

func (o owner) Credentials(context.Context, *creds.Rule, creds.Caller) (creds.Identity, error) {
	return creds.Identity{Provider: o.server.Access().Provider}, nil
}

// TestMinIORefuses: tokens signed with keys that the server does not know, and
// a server that knows no issuer.
func TestMinIORefuses(t *testing.T) {
	r := newRig(t)
	unknown, _ := newIssuer(t)
	stranger := newSource(t, sts.New(sts.Options{}), func(o *role.Options) { o.Minter = unknown })
	want(t, provider(t, stranger, r.rule("shared", ""), person(alice)), "sts-refused")
	deaf := r.rule("shared", "")
	deaf.Endpoint = servers.MinIO(t).Endpoint("")
	deaf.Endpoint.Audience = audience
	want(t, provider(t, r.source, deaf, person(alice)), "sts-refused")
}

// TestMinIOManyReads: 500 reads of each of two users at once are two calls of
// the STS, and nobody gets the other's session.
func TestMinIOManyReads(t *testing.T) {
	r := newRig(t)
	target, err := url.Parse(r.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	pass := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }, Transport: &http.Transport{DisableKeepAlives: true}}
	counter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		calls.Add(1)
		pass.ServeHTTP(w, q)
	}))
	defer counter.Close()
	rule := r.rule("shared", "")
	rule.Endpoint.STSURL = counter.URL
	var readers errgroup.Group
	for n := range 1000 {
		user, own, other := alice, "alice/x", "bob/x"
		if n%2 == 1 {
			user, own, other = bob, "bob/x", "alice/x"
		}
		access, err := r.source.Credentials(t.Context(), rule, person(user))
		if err != nil {
			t.Fatal(err)
		}
		readers.Go(func() error {
			if _, err := access.Provider.Retrieve(context.Background()); err != nil || n >= 40 {
				return err
			}
			c := clientOf(t, r.server, access.Provider)
			if one, two := get(c, "shared", own), get(c, "shared", other); one != "ok" || two != "AccessDenied" {
				return fmt.Errorf("%s: own %s, of another %s", user, one, two)
			}
			return nil
		})
	}
	if err := readers.Wait(); err != nil {
		t.Error(err)
	}
	if calls.Load() != 2 {
		t.Errorf("the STS was called %d times, want 2", calls.Load())
	}
}
