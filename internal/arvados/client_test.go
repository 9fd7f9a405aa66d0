// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/creds"
)

func TestNewRefuses(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(odd, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o  Options
		ok bool
	}{
		{Options{URL: "https://zzzzz.example.org"}, true},
		{Options{URL: "https://zzzzz.example.org:8000/"}, true},
		{Options{URL: "http://127.0.0.1:8000"}, true},
		{Options{}, false},
		{Options{URL: "zzzzz.example.org"}, false},
		{Options{URL: "ftp://zzzzz.example.org"}, false},
		{Options{URL: "https://"}, false},
		{Options{URL: "https://user:password@zzzzz.example.org"}, false},
		{Options{URL: "https://zzzzz.example.org/arvados"}, false},
		{Options{URL: "https://zzzzz.example.org?x=y"}, false},
		{Options{URL: "https://zzzzz.example.org", CAFile: odd}, false},
		{Options{URL: "https://zzzzz.example.org", CAFile: odd + "-absent"}, false},
	} {
		if _, err := New(c.o); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.o, err)
		} else if err != nil && strings.Contains(err.Error(), "password") {
			t.Errorf("%+v: the error shows the password", c.o)
		}
	}
}

// TestReplies spoils one reply of a good server at a time.
func TestReplies(t *testing.T) {
	full := creds.Caller{UserUUID: ann, Active: true, AllScopes: true}
	for name, c := range map[string]struct {
		path   string
		answer http.HandlerFunc
		want   creds.Caller
		kind   Kind
	}{
		"good":                 {tokenPath, says(200, goodToken), full, ""},
		"scoped":               {tokenPath, says(200, `{"owner_uuid":"`+ann+`","scopes":["GET /x"]}`), creds.Caller{UserUUID: ann, Active: true}, ""},
		"no scopes":            {tokenPath, says(200, `{"owner_uuid":"`+ann+`","scopes":[]}`), creds.Caller{UserUUID: ann, Active: true}, ""},
		"inactive":             {userPath, says(200, `{"uuid":"`+ann+`","is_active":false}`), creds.Caller{UserUUID: ann, AllScopes: true}, ""},
		"expires later":        {tokenPath, says(200, `{"owner_uuid":"`+ann+`","scopes":["all"],"expires_at":"2026-01-01T12:00:01.000000000Z"}`), full, ""},
		"expires now":          {tokenPath, says(200, `{"owner_uuid":"`+ann+`","scopes":["all"],"expires_at":"2026-01-01T12:00:00.000000000Z"}`), creds.Caller{}, TokenRefused},
		"expired scoped":       {tokenPath, says(200, `{"owner_uuid":"`+ann+`","scopes":["GET /"],"expires_at":"2025-01-01T12:00:00Z"}`), creds.Caller{}, TokenRefused},
		"401":                  {tokenPath, says(401, noTokens), creds.Caller{}, TokenRefused},
		"401 for the user":     {userPath, says(401, noTokens), creds.Caller{}, TokenRefused},
		"403":                  {tokenPath, says(403, `{"errors":["Forbidden"]}`), creds.Caller{}, Denied},
		"403 for the user":     {userPath, says(403, `{"errors":["Forbidden"]}`), creds.Caller{}, Denied},
		"404":                  {tokenPath, says(404, `{"errors":["Path not found"]}`), creds.Caller{}, Denied},
		"401 of some proxy":    {tokenPath, says(401, `<html>log in to the proxy</html>`), creds.Caller{}, Unavailable},
		"404 of some proxy":    {tokenPath, says(404, `{"message":"no route"}`), creds.Caller{}, Unavailable},
		"400":                  {tokenPath, says(400, `{"errors":["what?"]}`), creds.Caller{}, Unavailable},
		"429":                  {tokenPath, says(429, `{"errors":["slow down"]}`), creds.Caller{}, Unavailable},
		"500":                  {tokenPath, says(500, `{"errors":["oops"]}`), creds.Caller{}, Unavailable},
		"502":                  {tokenPath, says(502, `bad gateway`), creds.Caller{}, Unavailable},
		"204":                  {tokenPath, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, creds.Caller{}, Unavailable},
		"HTML":                 {tokenPath, says(200, `<html>welcome</html>`), creds.Caller{}, Unavailable},
		"empty":                {tokenPath, says(200, ``), creds.Caller{}, Unavailable},
		"null":                 {tokenPath, says(200, `null`), creds.Caller{}, Unavailable},
		"cut JSON":             {tokenPath, says(200, goodToken[:40]), creds.Caller{}, Unavailable},
		"two documents":        {tokenPath, says(200, goodToken+goodToken), creds.Caller{}, Unavailable},
		"no owner":             {tokenPath, says(200, `{"scopes":["all"]}`), creds.Caller{}, Unavailable},
		"owner is a group":     {tokenPath, says(200, `{"owner_uuid":"zzzzz-j7d0g-aaaaaaaaaaaaaaa","scopes":["all"]}`), creds.Caller{}, Unavailable},
		"owner with more":      {tokenPath, says(200, `{"owner_uuid":"`+ann+`\n","scopes":["all"]}`), creds.Caller{}, Unavailable},
		"no scopes at all":     {tokenPath, says(200, `{"owner_uuid":"`+ann+`"}`), creds.Caller{}, Unavailable},
		"scopes of odd type":   {tokenPath, says(200, `{"owner_uuid":"`+ann+`","scopes":"all"}`), creds.Caller{}, Unavailable},
		"odd expiry":           {tokenPath, says(200, `{"owner_uuid":"`+ann+`","scopes":["all"],"expires_at":"soon"}`), creds.Caller{}, Unavailable},
		"user lacks is_active": {userPath, says(200, `{"uuid":"`+ann+`"}`), creds.Caller{}, Unavailable},
		"user lacks uuid":      {userPath, says(200, `{"is_active":true}`), creds.Caller{}, Unavailable},
		"1 MiB":                {tokenPath, says(200, goodToken+strings.Repeat(" ", maxReply-len(goodToken))), full, ""},
		"1 MiB and a byte":     {tokenPath, says(200, goodToken+strings.Repeat(" ", maxReply-len(goodToken)+1)), creds.Caller{}, Unavailable},
		"endless":              {tokenPath, endless, creds.Caller{}, Unavailable},
		"endless error":        {tokenPath, endlessError, creds.Caller{}, Unavailable},
		"cut body":             {tokenPath, cut, creds.Caller{}, Unavailable},
		"large header":         {tokenPath, largeHeader, creds.Caller{}, Unavailable},
	} {
		api := newScript(t)
		api.set(c.path, c.answer)
		got, err := newClient(t, Options{URL: api.URL, Now: (&clock{}).now}).Caller(context.Background(), secret("sesame"))
		if kind := kindOf(t, err); kind != c.kind {
			t.Errorf("%s: %q (%v), want %q", name, kind, err, c.kind)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// endless writes until the client hangs up.
func endless(w http.ResponseWriter, _ *http.Request) {
	for {
		if _, err := w.Write([]byte(strings.Repeat(" ", 64<<10))); err != nil {
			return
		}
	}
}

func endlessError(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusInternalServerError)
	endless(w, r)
}

func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	w.Write([]byte(goodToken))
}

func largeHeader(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Large", strings.Repeat("x", 9<<20))
	says(200, goodToken)(w, r)
}

func TestTokenIsSentAndOddOnesAreNot(t *testing.T) {
	api := newScript(t)
	var sent atomic.Value
	api.set(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		sent.Store(r.Header.Get("Authorization"))
		says(200, goodToken)(w, r)
	})
	c := newClient(t, Options{URL: api.URL})
	if _, err := c.Caller(context.Background(), secret("v2/zzzzz-gj3su-aaaaaaaaaaaaaaa/sesame")); err != nil {
		t.Fatal(err)
	}
	if sent.Load() != "Bearer v2/zzzzz-gj3su-aaaaaaaaaaaaaaa/sesame" {
		t.Errorf("sent %q", sent.Load())
	}
	if _, err := c.Caller(context.Background(), secret(strings.Repeat("x", maxToken))); err != nil {
		t.Errorf("a token of %d bytes: %v", maxToken, err)
	}
	before := api.called(tokenPath)
	for _, token := range []string{"", "a b", "a\r\nX-Evil: 1", "a\x00", "a\x7f", "tökén", strings.Repeat("x", maxToken+1)} {
		_, err := c.Caller(context.Background(), secret(token))
		if kindOf(t, err) != TokenRefused {
			t.Errorf("%.20q: %v, want %s", token, err, TokenRefused)
		}
		if _, err = c.Groups(context.Background(), secret(token), ann); kindOf(t, err) != TokenRefused {
			t.Errorf("groups of %.20q: %v, want %s", token, err, TokenRefused)
		}
	}
	if api.called(tokenPath) != before || api.called(linksPath) != 0 {
		t.Error("an odd token was sent")
	}
}

// TestRedirectIsNotFollowed is case N-01: nobody knocks at the canary.
func TestRedirectIsNotFollowed(t *testing.T) {
	var knocks atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		knocks.Add(1)
		says(200, goodToken)(w, r)
	}))
	defer canary.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		api := newScript(t)
		api.set(tokenPath, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, canary.URL+tokenPath, status)
		})
		_, err := newClient(t, Options{URL: api.URL}).Caller(context.Background(), secret("sesame"))
		if kindOf(t, err) != Unavailable {
			t.Errorf("%d: %v, want %s", status, err, Unavailable)
		}
	}
	if knocks.Load() != 0 {
		t.Errorf("the canary was asked %d times", knocks.Load())
	}
	resp, err := http.Get(canary.URL) // the canary does sing
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if knocks.Load() != 1 {
		t.Error("the canary does not count")
	}
}

func TestProxyFromTheEnvironmentIsIgnored(t *testing.T) {
	c := newClient(t, Options{URL: "http://zzzzz.example.org"})
	if c.http.Transport.(*http.Transport).Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}

func TestDownAndSlow(t *testing.T) {
	for name, spoil := range map[string]func(*script){
		"refused": func(s *script) { s.Listener.Close() },
		"slow": func(s *script) {
			s.set(tokenPath, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		},
		"hangs up": func(s *script) {
			s.set(tokenPath, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		},
	} {
		api := newScript(t)
		c := newClient(t, Options{URL: api.URL, Timeout: 2 * time.Second})
		if _, err := c.Caller(context.Background(), secret("control")); err != nil {
			t.Fatalf("%s: before: %v", name, err)
		}
		c.Close() // idle connections, so that the next call dials
		spoil(api)
		if _, err := c.Caller(context.Background(), secret("sesame")); kindOf(t, err) != Unavailable {
			t.Errorf("%s: %v, want %s", name, err, Unavailable)
		}
		if _, err := c.Caller(context.Background(), secret("control")); err != nil {
			t.Errorf("%s: what is remembered is not used: %v", name, err)
		}
	}
}

// TestBlackHole is a server that accepts connections and stays silent.
func TestBlackHole(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	c := newClient(t, Options{URL: "http://" + hole.Addr().String(), Timeout: 100 * time.Millisecond})
	if _, err := c.Caller(context.Background(), secret("sesame")); kindOf(t, err) != Unavailable {
		t.Errorf("%v, want %s", err, Unavailable)
	}
}

func TestRecoversByItself(t *testing.T) {
	api := newScript(t)
	c := newClient(t, Options{URL: api.URL, Now: (&clock{}).now})
	api.set(tokenPath, says(500, `{"errors":["oops"]}`))
	if _, err := c.Caller(context.Background(), secret("sesame")); kindOf(t, err) != Unavailable {
		t.Fatal(err)
	}
	api.set(tokenPath, says(200, goodToken))
	if _, err := c.Caller(context.Background(), secret("sesame")); err != nil {
		t.Errorf("an outage is remembered: %v", err)
	}
}

func TestTLS(t *testing.T) {
	api := httptest.NewUnstartedServer(newScript(t))
	api.Config.ErrorLog = log.New(io.Discard, "", 0)
	api.StartTLS()
	defer api.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, Options{URL: api.URL, CAFile: ca}).Caller(context.Background(), secret("sesame")); err != nil {
		t.Errorf("with its CA: %v", err)
	}
	if _, err := newClient(t, Options{URL: api.URL}).Caller(context.Background(), secret("sesame")); kindOf(t, err) != Unavailable {
		t.Errorf("without its CA: %v, want %s", err, Unavailable)
	}
	_, port, err := net.SplitHostPort(api.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	// httptest's certificate names 127.0.0.1 and example.com only.
	wrong := newClient(t, Options{URL: "https://localhost:" + port, CAFile: ca})
	if _, err := wrong.Caller(context.Background(), secret("sesame")); kindOf(t, err) != Unavailable || !errors.As(err, new(x509.HostnameError)) {
		t.Errorf("with another name: %v, want %s", err, Unavailable)
	}
}

func TestGroups(t *testing.T) {
	link := func(class, tail, head string) string {
		return fmt.Sprintf(`{"link_class":%q,"tail_uuid":%q,"head_uuid":%q}`, class, tail, head)
	}
	const g1, g2, vm = "zzzzz-j7d0g-000000000000001", "zzzzz-j7d0g-000000000000002", "zzzzz-2x53u-000000000000001"
	for name, c := range map[string]struct {
		first, second string
		want          []string
		kind          Kind
	}{
		"two pages":      {link("permission", ann, g2) + "," + link("permission", ann, vm), link("permission", ann, g1) + "," + link("permission", ann, g2), []string{g1, g2}, ""},
		"none":           {"", "", nil, ""},
		"another's link": {link("permission", "zzzzz-tpzed-bbbbbbbbbbbbbbb", g1), "", nil, Unavailable},
		"another class":  {link("star", ann, g1), "", nil, Unavailable},
		"no objects":     {"7", "", nil, Unavailable},
	} {
		api := newScript(t)
		api.set(linksPath, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Query().Get("offset") {
			case "0":
				says(200, `{"items":[`+c.first+`]}`)(w, r)
			case "2":
				says(200, `{"items":[`+c.second+`]}`)(w, r)
			default:
				says(200, `{"items":[]}`)(w, r)
			}
		})
		got, err := newClient(t, Options{URL: api.URL}).Groups(context.Background(), secret("sesame"), ann)
		if kind := kindOf(t, err); kind != c.kind {
			t.Errorf("%s: %v, want %q", name, err, c.kind)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestEndlessList is a server that never says that its list has ended.
func TestEndlessList(t *testing.T) {
	api := newScript(t)
	item := `{"link_class":"permission","tail_uuid":"` + ann + `","head_uuid":"zzzzz-j7d0g-000000000000001"}`
	api.set(linksPath, says(200, `{"items":[`+strings.Repeat(item+",", 999)+item+`]}`))
	if _, err := newClient(t, Options{URL: api.URL}).Groups(context.Background(), secret("sesame"), ann); kindOf(t, err) != Unavailable {
		t.Errorf("%v, want %s", err, Unavailable)
	}
	if n := api.called(linksPath); n > maxLinks/1000+1 {
		t.Errorf("%d pages were read", n)
	}
}

func TestDiscovery(t *testing.T) {
	const path = "/discovery/v1/apis/arvados/v1/rest"
	for body, want := range map[string]Discovery{
		`{"kind":"discovery#restDescription","uuidPrefix":"zzzzz","pseudoBlocks":true,"blobSignatureTtl":1209600}`: {"zzzzz", true, 336 * time.Hour},
		`{"kind":"discovery#restDescription","uuidPrefix":"zzzzz"}`:                                                {"zzzzz", false, 0},
	} {
		api := newScript(t)
		api.set(path, says(200, body))
		got, err := newClient(t, Options{URL: api.URL}).Discovery(context.Background())
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	api := newScript(t)
	api.set(path, says(200, `{"pseudoBlocks":true}`))
	if _, err := newClient(t, Options{URL: api.URL}).Discovery(context.Background()); kindOf(t, err) != Unavailable {
		t.Errorf("another document: %v, want %s", err, Unavailable)
	}
}
