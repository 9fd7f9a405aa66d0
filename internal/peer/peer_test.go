// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package peer_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/peer"
	"github.com/arvados-s3/keepstore/locator"
)

const token = "hunter2-system-root-token"

func newClient(t *testing.T) (*peer.Client, *locator.Signer, locator.Locator) {
	t.Helper()
	signer, err := locator.NewSigner([]byte("key"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l, err := locator.New("acbd18db4cc2f85cedef654fccc4a4d8", 3)
	if err != nil {
		t.Fatal(err)
	}
	c, err := peer.New(peer.Options{Signer: signer, Token: creds.NewSecret(token)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, signer, l
}

// TestFetch: the other server gets a signature made for the token, and what it
// answers counts only if it is all.
func TestFetch(t *testing.T) {
	c, signer, want := newClient(t)
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, err := locator.Parse(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		if err != nil || l.Hash() != want.Hash() || signer.Verify(l, token, time.Now()) != nil || r.Header.Get("Authorization") != "Bearer "+token {
			t.Errorf("asked for %v: %v", l, err)
		}
		switch {
		case strings.HasPrefix(r.URL.Path, "/short/"):
			_, _ = io.WriteString(w, "fo") // the client sees what came
		case strings.HasPrefix(r.URL.Path, "/away/"):
			http.Redirect(w, r, other.URL, http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/none/"):
			http.NotFound(w, r)
		default:
			_, _ = io.WriteString(w, "foo")
		}
	}))
	defer s.Close()
	buf := make([]byte, 3)
	for _, path := range []string{"", "/", "/below"} {
		clear(buf)
		if err := c.Fetch(context.Background(), s.URL+path, want, buf); err != nil || string(buf) != "foo" {
			t.Errorf("%q: %q, %v", path, buf, err)
		}
	}
	secret := regexp.MustCompile(`hunter2|\+A[0-9a-f]`)
	for _, server := range []string{s.URL + "/short", s.URL + "/away", s.URL + "/none", "http://127.0.0.1:1", "http://me:hunter2@127.0.0.1", "ftp://x", "nonsense", ":"} {
		if err := c.Fetch(context.Background(), server, want, buf); err == nil || secret.MatchString(err.Error()) {
			t.Errorf("%s: %v", server, err)
		}
	}
	if elsewhere > 0 {
		t.Error("the token went elsewhere")
	}
}

func TestUnusableCAFile(t *testing.T) {
	if _, err := peer.New(peer.Options{CAFile: "/dev/null"}); err == nil {
		t.Error("a CA file without certificates was taken")
	}
}
