// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
	"github.com/arvados-s3/keepstore/s3read"
)

// office is MinIO with a bucket of which alice and bob may read a part each,
// with rights of their own, and this server all. "own/" is read in mode token,
// "role/" in mode role, "iam/" and "anon/" in modes iam and anonymous.
type office struct {
	*resolver.Resolver
	t        *testing.T
	bucket   string
	objects  map[string]locator.Object // by key
	mu       sync.Mutex
	asked    []string // whose tokens were asked about
	personal []creds.Caller
	down     error
}

// Caller knows the tokens alice, bob, link (of alice) and asleep.
func (o *office) Caller(_ context.Context, token creds.Secret) (creds.Caller, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, token.Reveal())
	if o.down != nil {
		return creds.Caller{}, o.down
	}
	switch name := token.Reveal(); name {
	case "alice", "bob":
		return creds.Caller{UserUUID: name, Active: true, AllScopes: true}, nil
	case "link":
		return creds.Caller{UserUUID: "alice", Active: true}, nil
	case "asleep":
		return creds.Caller{UserUUID: "asleep", AllScopes: true}, nil
	}
	return creds.Caller{}, errDead
}

var errDead = errors.New("the API server does not know the token")

// desk gives each user the keys of their own.
type desk struct {
	*office
	keys map[string]*testenv.User
}

func (d desk) Credentials(_ context.Context, _ *creds.Rule, c creds.Caller) (creds.Identity, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.personal = append(d.personal, c)
	u := d.keys[c.UserUUID]
	return creds.Identity{Provider: testenv.Keys(u.AccessKey, u.Secret()), As: "the keys of " + c.UserUUID}, nil
}

func newOffice(t *testing.T) *office {
	t.Helper()
	server := servers.MinIO(t)
	o := &office{t: t, bucket: server.Bucket(t, fmt.Sprintf("resolver-office-%d", number.Add(1)), true), objects: map[string]locator.Object{}}
	d := desk{o, map[string]*testenv.User{"alice": server.User(t, "alice"), "bob": server.User(t, "bob")}}
	for _, prefix := range []string{"own/", "role/"} {
		for name, user := range d.keys {
			user.AllowRead(t, o.bucket, prefix+name+"/")
			o.put(server, prefix+name+"/x")
		}
	}
	o.put(server, "iam/x")
	o.put(server, "anon/x")
	endpoint := server.Endpoint("")
	endpoint.Credentials, endpoint.AccessKeyID, endpoint.SecretAccessKey = creds.CredentialsStatic, testenv.AccessKey, creds.NewSecret(testenv.SecretKey)
	iam, err := creds.NewIAM(t.Context(), map[string]*creds.Endpoint{"e": endpoint})
	if err != nil {
		t.Fatal(err)
	}
	var rules []creds.Rule
	for prefix, mode := range map[string]creds.Mode{"own/": creds.Token, "role/": creds.Role, "iam/": creds.IAM, "anon/": creds.Anonymous} {
		rules = append(rules, creds.Rule{Bucket: o.bucket, Prefix: prefix, Endpoint: endpoint, Mode: mode})
	}
	chain, err := creds.NewChain(rules, map[creds.Mode]creds.Source{creds.Token: d, creds.Role: d, creds.IAM: iam, creds.Anonymous: creds.AnonymousSource{}})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := locator.NewSigner([]byte("key"), 336*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	reader := s3read.New(s3read.Options{})
	t.Cleanup(reader.Close)
	o.Resolver = &resolver.Resolver{Signer: signer, Tokens: o, Keychain: chain, Reader: reader, Buffers: resolver.NewBuffers(64 << 20)}
	return o
}

func (o *office) put(server *testenv.Server, key string) {
	o.t.Helper()
	out, err := server.Client(o.t).PutObject(o.t.Context(), &s3.PutObjectInput{Bucket: &o.bucket, Key: &key, Body: strings.NewReader(key)})
	if err != nil {
		o.t.Fatal(err)
	}
	o.objects[key] = locator.Object{Bucket: o.bucket, Key: key, VersionID: *out.VersionId}
}

// locator writes a locator of a whole object, whose bytes are its key, signed
// for a token; "" leaves the signature out and "stock" makes one over the
// constant hash for alice, "late" one that has expired.
func (o *office) locator(form pseudoblock.Form, key, signed string) string {
	o.t.Helper()
	l, err := pseudoblock.Extent{Object: o.object(key), Size: int64(len(key))}.Locator(form)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.sign(l, signed)
}

func (o *office) object(key string) locator.Object {
	if object, ok := o.objects[key]; ok {
		return object
	}
	return locator.Object{Bucket: o.bucket, Key: key, VersionID: "none"}
}

func (o *office) sign(l locator.Locator, signed string) string {
	o.t.Helper()
	later := time.Now().Add(time.Hour)
	switch signed {
	case "":
		return l.String()
	case "late":
		return o.Signer.Sign(l, "alice", time.Now().Add(-time.Hour)).String()
	case "stock":
		bare, err := locator.New(locator.Opaque, l.Size())
		if err != nil {
			o.t.Fatal(err)
		}
		return l.WithSignature(o.Signer.Sign(bare, "alice", later).Signature()).String()
	}
	return o.Signer.Sign(l, signed, later).String()
}

// read reads a locator by GET and by HEAD, which must agree, and returns
// the bytes, or the word of the error.
func (o *office) read(l, token string) string {
	o.t.Helper()
	o.asked, o.personal = nil, nil
	grant, err := o.Resolve(o.t.Context(), resolver.Request{Locator: l, Token: creds.NewSecret(token)})
	if err != nil {
		return word(err)
	}
	_, checked := grant.Check(o.t.Context())
	body, err := grant.Open(o.t.Context(), 0, grant.Block.Size)
	if word(checked) != word(err) {
		o.t.Errorf("HEAD says %v, GET says %v", checked, err)
	}
	if err != nil {
		return word(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return word(err)
	}
	return "bytes " + string(data)
}

func word(err error) string {
	if w, ok := errors.AsType[interface {
		error
		Word() string
	}](err); ok {
		return w.Word()
	}
	return fmt.Sprint(err)
}

// TestPersonalModes: S3 decides about each read by the rights of the reader,
// and signatures, right or wrong, change nothing.
func TestPersonalModes(t *testing.T) {
	o := newOffice(t)
	for _, prefix := range []string{"own/", "role/"} {
		for _, form := range []pseudoblock.Form{pseudoblock.Opaque, pseudoblock.Derived} {
			// another object behind a signature of one's own; A-02: one
			// that a stock API server made: of another, late, none.
			for _, signed := range []string{"alice", "bob", "", "late", "stock"} {
				for user, other := range map[string]string{"alice": "bob", "bob": "alice"} {
					own, foreign := prefix+user+"/x", prefix+other+"/x"
					if got := o.read(o.locator(form, own, signed), user); got != "bytes "+own {
						t.Errorf("%s reads %s, signed for %q: %s", user, own, signed, got)
					}
					if len(o.personal) == 0 || o.personal[0].Token.Reveal() != user {
						t.Errorf("the source was given %+v", o.personal)
					}
					if got := o.read(o.locator(form, foreign, signed), user); got != "s3-denied" {
						t.Errorf("%s reads %s, signed for %q: %s", user, foreign, signed, got)
					}
				}
			}
		}
	}
}

// TestStrangersLearnNothing: without a right signature and without a live, full
// token, all rules look the same, and so does the lack of one.
func TestStrangersLearnNothing(t *testing.T) {
	o := newOffice(t)
	keys := []string{"own/alice/x", "role/alice/x", "iam/x", "anon/x", "no rule/x"}
	for signed, want := range map[string]string{"": "bad-signature", "late": "signature-expired", "stock": "not-vouched", "bob": "bad-signature"} {
		for _, token := range []string{"dead", "link", "asleep", ""} {
			want := want
			switch {
			case token == "":
				want = "no-token"
			case signed == "stock":
				want = "bad-signature" // it is alice's
			}
			for _, key := range keys {
				if got := o.read(o.locator(pseudoblock.Opaque, key, signed), token); got != want {
					t.Errorf("%s with the token %q, signed for %q: %s, want %s", key, token, signed, got, want)
				}
			}
		}
	}
	o.down = &creds.Error{Kind: creds.Unavailable, Text: "the API server is down"}
	for _, key := range keys {
		if got := o.read(o.locator(pseudoblock.Opaque, key, ""), "alice"); got != "bad-signature" {
			t.Errorf("%s while the API server is down: %s", key, got)
		}
	}
	if got := o.read(o.locator(pseudoblock.Opaque, "own/alice/x", "alice"), "alice"); got != "creds-unavailable" {
		t.Errorf("signed, while the API server is down: %s", got)
	}
}

// TestNothingIsAskedInVain: what the locator alone decides asks nobody.
func TestNothingIsAskedInVain(t *testing.T) {
	o := newOffice(t)
	for _, key := range []string{"iam/x", "anon/x", "no rule/x"} {
		if got := o.read(o.locator(pseudoblock.Derived, key, "bob"), "alice"); got != "bad-signature" || len(o.asked) > 0 {
			t.Errorf("%s: %s, asked about %v", key, got, o.asked)
		}
	}
	if got := o.read(o.locator(pseudoblock.Derived, "no rule/x", "alice"), "alice"); got != "bucket-not-allowed" || len(o.asked) > 0 {
		t.Errorf("no rule: %s, asked about %v", got, o.asked)
	}
	// Once for the right to read, and once for the second request to S3.
	if got := o.read(o.locator(pseudoblock.Derived, "iam/x", "alice"), "alice"); got != "bytes iam/x" || !slices.Equal(o.asked, []string{"alice", "alice"}) || o.personal != nil {
		t.Errorf("control: %s, asked about %v, %v", got, o.asked, o.personal)
	}
}

// TestModesOfOthersNeedTheSignature: iam and anonymous are as they were.
func TestModesOfOthersNeedTheSignature(t *testing.T) {
	o := newOffice(t)
	for signed, want := range map[string]string{"alice": "bytes iam/x", "bob": "bad-signature", "": "bad-signature", "stock": "not-vouched", "late": "signature-expired"} {
		if got := o.read(o.locator(pseudoblock.Opaque, "iam/x", signed), "alice"); got != want {
			t.Errorf("signed for %q: %s, want %s", signed, got, want)
		}
	}
	if got := o.read(o.locator(pseudoblock.Opaque, "anon/x", "alice"), "alice"); got != "s3-denied" { // the bucket is not public
		t.Errorf("anonymous: %s", got)
	}
}

// TestLinks: a sharing link reads what the server's rights give, and nothing
// with those of its owner.
func TestLinks(t *testing.T) {
	o := newOffice(t)
	for key, want := range map[string]string{"iam/x": "bytes iam/x", "own/alice/x": "scope-needed", "role/alice/x": "scope-needed", "no rule/x": "bucket-not-allowed"} {
		if got := o.read(o.locator(pseudoblock.Derived, key, "link"), "link"); got != want || len(o.personal) > 0 {
			t.Errorf("%s: %s, want %s; asked for the keys of %v", key, got, want, o.personal)
		}
	}
	for token, want := range map[string]string{"asleep": "user-inactive", "dead": errDead.Error()} {
		if got := o.read(o.locator(pseudoblock.Derived, "own/alice/x", token), token); got != want {
			t.Errorf("%s, signed: %s, want %s", token, got, want)
		}
	}
}

// content writes a content-form locator with alternatives. The MD5 is that of
// the first one that is there.
func (o *office) content(signed string, bytes string, keys ...string) string {
	o.t.Helper()
	sum := md5.Sum([]byte(bytes))
	var all []pseudoblock.Extent
	for _, key := range keys {
		all = append(all, pseudoblock.Extent{Object: o.object(key), Size: int64(len(bytes))})
	}
	l, err := pseudoblock.ContentLocator(locator.Hash(hex.EncodeToString(sum[:])), all...)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.sign(l, signed)
}

// TestContentMixesModes: each alternative is used under its own rule's terms,
// and failures look alike.
func TestContentMixesModes(t *testing.T) {
	o := newOffice(t)
	const own = "own/alice/x"
	rows := []struct {
		name, locator, token, want string
		used                       []string // whose keys were asked for, GET and HEAD together
	}{
		{"signed, iam first", o.content("alice", "iam/x", "iam/x", own), "alice", "bytes iam/x", nil},
		{"signed, own first", o.content("alice", own, own, "iam/x"), "alice", "bytes " + own, []string{"alice", "alice"}},
		{"signed, own second", o.content("alice", own, "iam/x", own), "alice", "bytes " + own, []string{"alice", "alice"}},
		{"not signed, iam only", o.content("", "iam/x", "iam/x"), "alice", "bad-signature", nil},
		{"not signed, own only", o.content("", own, own), "alice", "bytes " + own, []string{"alice", "alice"}},
		{"not signed, iam has the bytes", o.content("", "iam/x", "iam/x", own), "alice", "content-unavailable", []string{"alice", "alice"}},
		{"not signed, own has the bytes", o.content("", own, "iam/x", "anon/x", own), "alice", "bytes " + own, []string{"alice", "alice"}},
		{"signed for another, own", o.content("bob", own, own), "alice", "bytes " + own, []string{"alice", "alice"}},
		{"not signed, of another", o.content("", own, own), "bob", "content-unavailable", []string{"bob", "bob"}},
		{"not signed, dead token", o.content("", own, own), "dead", "bad-signature", nil},
		{"not signed, link", o.content("", own, own), "link", "bad-signature", nil},
		{"link, own only", o.content("link", own, own), "link", "content-unavailable", nil},
		{"link, no rule", o.content("link", own, "no rule/x"), "link", "content-unavailable", nil},
		{"link, both", o.content("link", "iam/x", own, "iam/x"), "link", "bytes iam/x", nil},
		{"signed, no rule", o.content("alice", own, "no rule/x"), "alice", "content-unavailable", nil},
		{"signed, no rule and own", o.content("alice", own, "no rule/x", own), "alice", "bytes " + own, []string{"alice", "alice"}},
	}
	for _, row := range rows {
		got := o.read(row.locator, row.token)
		var used []string
		for _, c := range o.personal {
			used = append(used, c.UserUUID)
		}
		if got != row.want || !slices.Equal(used, row.used) {
			t.Errorf("%s: %s, want %s; keys of %v, want %v", row.name, got, row.want, used, row.used)
		}
	}
	if a, b := o.text(o.content("link", own, own), "link"), o.text(o.content("link", own, "no rule/x"), "link"); a != b {
		t.Errorf("a link is told %q and %q", a, b)
	}
}

// text is the sentence of a read that fails.
func (o *office) text(l, token string) string {
	o.t.Helper()
	grant, err := o.Resolve(o.t.Context(), resolver.Request{Locator: l, Token: creds.NewSecret(token)})
	if err == nil {
		_, err = grant.Check(o.t.Context())
	}
	if err == nil {
		o.t.Fatal("the read succeeds")
	}
	return err.Error()
}
