// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

// tokens knows one user; a user without a name is not active.
type tokens map[string]string

func (t tokens) Caller(_ context.Context, token creds.Secret) (creds.Caller, error) {
	user, ok := t[token.Reveal()]
	if !ok {
		return creds.Caller{}, errors.New("unknown token")
	}
	return creds.Caller{UserUUID: user, Active: user != ""}, nil
}

// fixture is MinIO with one object, and settings that reach it.
func fixture(t *testing.T) (pseudoblock.Extent, *creds.Endpoint, creds.Rule) {
	t.Helper()
	server := servers.MinIO(t)
	name := server.Bucket(t, fmt.Sprintf("resolver-test-%d", number.Add(1)), true)
	key := "x"
	out, err := server.Client(t).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: &key, Body: bytes.NewReader([]byte("0123456789"))})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := server.Endpoint("")
	endpoint.Credentials, endpoint.AccessKeyID, endpoint.SecretAccessKey = creds.CredentialsStatic, testenv.AccessKey, creds.NewSecret(testenv.SecretKey)
	object := locator.Object{Bucket: name, Key: key, VersionID: *out.VersionId}
	return pseudoblock.Extent{Object: object, Offset: 2, Size: 5}, endpoint, creds.Rule{Bucket: name, Endpoint: endpoint, Mode: creds.IAM}
}

func sign(t *testing.T, e pseudoblock.Extent, token string, expiry time.Time) string {
	t.Helper()
	signer, err := locator.NewSigner([]byte("key"), 336*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l, err := e.Locator(pseudoblock.Opaque)
	if err != nil {
		t.Fatal(err)
	}
	return signer.Sign(l, token, expiry).String()
}

func TestEmbedded(t *testing.T) {
	e, endpoint, rule := fixture(t)
	server, err := newServer([]byte("key"), tokens{"good": "user"}, endpoint, rule)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.Handler)
	defer web.Close()
	for token, want := range map[string]int{"good": 200, "other": 403} {
		q, _ := http.NewRequest(http.MethodGet, web.URL+"/"+sign(t, e, "good", time.Now().Add(time.Hour)), nil)
		q.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || want == 200 && string(body) != "23456" {
			t.Errorf("%s: got %d %q", token, resp.StatusCode, body)
		}
	}
}

// newResolver is a resolver with a clock.
func newResolver(t *testing.T, endpoint *creds.Endpoint, rule creds.Rule, now *time.Time) *resolver.Resolver {
	t.Helper()
	signer, err := locator.NewSigner([]byte("key"), 336*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	iam, err := creds.NewIAM(t.Context(), map[string]*creds.Endpoint{"e": endpoint})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := creds.NewChain([]creds.Rule{rule}, map[creds.Mode]creds.Source{creds.IAM: iam})
	if err != nil {
		t.Fatal(err)
	}
	reader := s3read.New(s3read.Options{})
	t.Cleanup(reader.Close)
	return &resolver.Resolver{Signer: signer, Tokens: tokens{"good": "user", "asleep": ""}, Keychain: chain,
		Reader: reader, Buffers: resolver.NewBuffers(64 << 20), Now: func() time.Time { return *now }}
}

// TestExpiry is A-16: one second before, one second after, signed again.
func TestExpiry(t *testing.T) {
	e, endpoint, rule := fixture(t)
	now := time.Now().Truncate(time.Second)
	end := now.Add(time.Hour)
	r := newResolver(t, endpoint, rule, &now)
	ask := func(expiry time.Time) error {
		_, err := r.Resolve(t.Context(), resolver.Request{Locator: sign(t, e, "good", expiry), Token: creds.NewSecret("good")})
		return err
	}
	now = end.Add(-time.Second)
	if err := ask(end); err != nil {
		t.Errorf("one second before: %v", err)
	}
	now = end.Add(time.Second)
	if err := ask(end); !errors.Is(err, &locator.Error{Kind: locator.SignatureExpired}) {
		t.Errorf("one second after: %v", err)
	}
	if err := ask(end.Add(time.Hour)); err != nil {
		t.Errorf("signed again: %v", err)
	}
}

func TestInactiveUser(t *testing.T) {
	e, endpoint, rule := fixture(t)
	now := time.Now()
	r := newResolver(t, endpoint, rule, &now)
	_, err := r.Resolve(t.Context(), resolver.Request{Locator: sign(t, e, "asleep", now.Add(time.Hour)), Token: creds.NewSecret("asleep")})
	var refused *resolver.Error
	if !errors.As(err, &refused) || refused.Kind != resolver.UserInactive {
		t.Errorf("got %v", err)
	}
}

// TestBuffersAreBounded: a second content-form read waits for the memory of
// the first, and gives up when its caller does.
func TestBuffersAreBounded(t *testing.T) {
	e, endpoint, rule := fixture(t)
	now := time.Now()
	r := newResolver(t, endpoint, rule, &now)
	l, err := pseudoblock.ContentLocator("adcaec3805aa912c0d0b14a81bedb6ff", e)
	if err != nil {
		t.Fatal(err)
	}
	text := r.Signer.Sign(l, "good", now.Add(time.Hour)).String()
	open := func(ctx context.Context) (resolver.Body, error) {
		grant, err := r.Resolve(ctx, resolver.Request{Locator: text, Token: creds.NewSecret("good")})
		if err != nil {
			return nil, err
		}
		return grant.Open(ctx, 0, 5)
	}
	for size := 32 << 20; size >= 64<<10; size /= 2 { // all but the least that a block takes
		_, release, err := r.Buffers.Take(t.Context(), size)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
	}
	first, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := open(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the second read: %v", err)
	}
	if data, err := io.ReadAll(first); err != nil || string(data) != "23456" {
		t.Errorf("the first read: %q, %v", data, err)
	}
	first.Close()
	first.Close() // frees once
	again, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// TestTake: memory is counted by the size of the block, and never more is lent
// than there is.
func TestTake(t *testing.T) {
	const all = 128 << 20
	b := resolver.NewBuffers(all)
	take := func(ctx context.Context, size int) (func(), error) {
		buf, release, err := b.Take(ctx, size)
		if err == nil && len(buf) != size {
			t.Errorf("asked for %d bytes, got %d", size, len(buf))
		}
		return release, err
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, row := range []struct{ size, fits int }{{0, all >> 16}, {1, all >> 16}, {64 << 10, all >> 16}, {64<<10 + 1, all >> 17}, {40 << 20, 2}, {64 << 20, 2}} {
		var releases []func()
		for range row.fits {
			release, err := take(t.Context(), row.size)
			if err != nil {
				t.Fatalf("%d bytes: %v", row.size, err)
			}
			releases = append(releases, release)
		}
		if _, err := take(short, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d times %d bytes, and still not full: %v", row.fits, row.size, err)
		}
		for _, release := range releases {
			release()
		}
	}
}

// TestHalf: whoever takes all of the half leaves the other half.
func TestHalf(t *testing.T) {
	b := resolver.NewBuffers(256 << 20)
	h := b.Half()
	var releases []func()
	take := func(from interface {
		Take(context.Context, int) ([]byte, func(), error)
	}) {
		t.Helper()
		_, release, err := from.Take(t.Context(), 64<<20)
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	take(h)
	take(h)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := h.Take(short, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("more than the half: %v", err)
	}
	take(b)
	take(b)
	releases[3]()
	releases[1]()
	releases = append(releases[:1], releases[2])
	take(h)
	for _, release := range releases {
		release()
	}
	for range 4 {
		take(b) // all was given back
	}
}
