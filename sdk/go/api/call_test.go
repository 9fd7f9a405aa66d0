// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = "3ecr3tsecretsecret"
	token  = "v2/zzzzz-gj3su-000000000000001/" + secret
)

// start serves handle and returns a client of it.
func start(t *testing.T, handle http.HandlerFunc, change ...func(*api.Settings)) *api.Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return client(t, server.URL, change...)
}

func client(t *testing.T, host string, change ...func(*api.Settings)) *api.Client {
	t.Helper()
	s := api.Settings{Host: host, Token: api.NewToken(token)}
	for _, f := range change {
		f(&s)
	}
	c, err := api.New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func reply(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// TestCallSends: what arrives, for each way that parameters travel.
func TestCallSends(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for _, c := range []struct {
		name, method string
		params       api.Params
		// as the server sees it
		wantMethod, override, contentType string
		query, body                       string
	}{
		{"get", "GET", api.Params{"limit": 2, "order": "uuid", "filters": [][]any{{"a", "=", nil}}}, "GET", "", "",
			`filters=[["a","=",null]]&limit=2&order=uuid`, ""},
		{"none", "GET", nil, "GET", "", "", "", ""},
		{"long get", "GET", api.Params{"x": long}, "POST", "GET", "application/x-www-form-urlencoded", "", "x=" + long},
		{"delete", "DELETE", api.Params{"select": []string{"uuid"}}, "DELETE", "", "", `select=["uuid"]`, ""},
		{"post", "POST", api.Params{"user": map[string]any{"email": "a@b"}}, "POST", "", "application/json", "", `{"user":{"email":"a@b"}}`},
		{"empty post", "POST", nil, "POST", "", "application/json", "", `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := start(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				query := strings.NewReplacer("%22", `"`, "%5B", "[", "%5D", "]", "%2C", ",", "%3D", "=").Replace(r.URL.RawQuery)
				got := []string{r.Method, r.URL.Path, r.Header.Get("X-Http-Method-Override"), r.Header.Get("Content-Type"),
					r.Header.Get("Authorization"), query, string(body)}
				want := []string{c.wantMethod, "/arvados/v1/things", c.override, c.contentType, "Bearer " + token, c.query, c.body}
				if !slices.Equal(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
				reply(200, `{"uuid":"u"}`)(w, r)
			})
			var into struct{ UUID string }
			if err := client.Call(t.Context(), c.method, "arvados/v1/things", c.params, &into); err != nil || into.UUID != "u" {
				t.Errorf("got %v, %v", into, err)
			}
		})
	}
}

func TestCallRefusesRequests(t *testing.T) {
	asked := atomic.Int32{}
	c := start(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); reply(200, `{}`)(w, r) })
	for _, path := range []string{"", "arvados/v1/users/", "arvados/v1//x", "arvados/v1/credentials/../users", "."} {
		if err := c.Call(t.Context(), "GET", path, nil, nil); err == nil {
			t.Errorf("the path %q was asked for", path)
		}
	}
	if err := c.Call(t.Context(), "BREW", "arvados/v1/users", nil, nil); err == nil {
		t.Error("an unknown method was sent")
	}
	if err := c.Call(t.Context(), "GET", "x", api.Params{"f": func() {}}, nil); err == nil {
		t.Error("a function was sent")
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	if err := c.Call(t.Context(), "GET", "/arvados/v1/users", nil, nil); err != nil || asked.Load() != 1 {
		t.Errorf("a good request: %v", err)
	}
}

// TestCallErrors: kind, status and sentence of what servers may answer.
func TestCallErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		handle http.HandlerFunc
		kind   api.Kind
		status int
		text   string
	}{
		{"refusal", reply(404, `{"errors":["Path not found","again"]}`), api.Refused, 404, "with status 404: Path not found; again"},
		{"terminal", reply(422, `{"errors":["a\u001b[31mred\nline\u202e"]}`), api.Refused, 422, "a [31mred line "},
		{"token", reply(403, fmt.Sprintf(`{"errors":["bad %s or %s"]}`, token, secret)), api.Refused, 403, "bad [secret] or [secret]"},
		{"long text", reply(422, `{"errors":["`+strings.Repeat("é", 5000)+`"]}`), api.Refused, 422, "éé…"},
		{"page", reply(502, `<html>Bad gateway</html>`), api.BadReply, 502, "not as an Arvados API server"},
		{"no errors", reply(403, `{}`), api.BadReply, 403, "status 403"},
		{"html", reply(200, `<html>`), api.BadReply, 200, "not the JSON"},
		{"wrong type", reply(200, `{"UUID":5}`), api.BadReply, 200, "not the JSON"},
		{"too long", reply(200, `{"UUID":"`+strings.Repeat("x", 2000)+`"}`), api.BadReply, 200, "longer than 1000 bytes"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
		}, api.Unreachable, 0, "cannot be reached, or broke off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			small := func(s *api.Settings) { s.MaxReply = 1000 }
			if c.name == "long text" {
				small = func(*api.Settings) {}
			}
			client := start(t, c.handle, small)
			var into struct{ UUID string }
			err := client.Call(t.Context(), "GET", "arvados/v1/users/current", nil, &into)
			var e *api.Error
			if !errors.As(err, &e) || e.Kind != c.kind || e.Status != c.status || !strings.Contains(e.Text, c.text) {
				t.Fatalf("got %v", err)
			}
			if text := fmt.Sprintf("%v %+v %#v", err, e, e.Texts); strings.Contains(text, secret) || strings.ContainsAny(err.Error(), "\x1b\n\u202e") || len(err.Error()) > 3000 {
				t.Errorf("the error shows what it must not: %.300q", text)
			}
			if api.Status(fmt.Errorf("wrapped: %w", err)) != c.status {
				t.Error("Status does not find the status")
			}
		})
	}
}

// TestNoRedirect: the token goes to nobody else.
func TestNoRedirect(t *testing.T) {
	asked := atomic.Int32{}
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := start(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		for _, method := range []string{"GET", "POST"} {
			if err := c.Call(t.Context(), method, "arvados/v1/users/current", nil, nil); api.Status(err) != status {
				t.Errorf("%s %d: %v", method, status, err)
			}
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
	if err := client(t, other.URL).Call(t.Context(), "GET", "x", nil, nil); err != nil || asked.Load() != 1 {
		t.Errorf("the other server notices nobody: %v", err)
	}
}

// TestNoProxy: HTTP_PROXY and its like are not for this client. The host has
// no address, so whoever used the proxy would ask it and nobody else.
func TestNoProxy(t *testing.T) {
	asked := atomic.Int32{}
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	err := client(t, "http://api.invalid").Call(t.Context(), "GET", "arvados/v1/users/current", nil, nil)
	if e := (*api.Error)(nil); !errors.As(err, &e) || e.Kind != api.Unreachable || asked.Load() != 0 {
		t.Errorf("got %v and %d requests at the proxy", err, asked.Load())
	}
}

// TestTrust: https needs a certificate that the settings trust.
func TestTrust(t *testing.T) {
	server := httptest.NewTLSServer(reply(200, `{}`))
	defer server.Close()
	server.Config.ErrorLog = nil
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(server.URL, "https://")
	for name, change := range map[string]func(*api.Settings){
		"CA file":  func(s *api.Settings) { s.CAFile = file },
		"insecure": func(s *api.Settings) { s.Insecure = true },
	} {
		if err := client(t, host, change).Call(t.Context(), "GET", "x", nil, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := client(t, host).Call(t.Context(), "GET", "x", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate is accepted: %v", err)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := start(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	if err := c.Call(ctx, "GET", "x", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTokenIsHidden(t *testing.T) {
	s := api.Settings{Token: api.NewToken(token)}
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %s %q %x", s, s, s, s.Token, s.Token, s.Token) + string(encoded)
	if strings.Contains(text, secret) || s.Token.Reveal() != token {
		t.Errorf("the token shows in %s", text)
	}
}

func TestKindsAreDistinct(t *testing.T) {
	kinds := api.Kinds()
	slices.Sort(kinds)
	if len(slices.Compact(kinds)) != len(api.Kinds()) {
		t.Error("two kinds share a word")
	}
}

// TestSwitchingProtocols: after status 101 net/http gives the connection away,
// and no time-out holds for it any more.
func TestSwitchingProtocols(t *testing.T) {
	c := start(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // until the client leaves
	}, func(s *api.Settings) { s.Timeout = time.Second })
	done := make(chan error, 1)
	go func() { done <- c.Call(context.Background(), http.MethodGet, "arvados/v1/users/current", nil, nil) }()
	select {
	case err := <-done:
		if e := (*api.Error)(nil); !errors.As(err, &e) || e.Kind != api.BadReply {
			t.Errorf("got %v, want an error of kind %s", err, api.BadReply)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the call does not end")
	}
}

// TestCallPlainServer: a server without https, named without its scheme, is
// told from one that is away.
func TestCallPlainServer(t *testing.T) {
	server := httptest.NewServer(reply(200, `{}`))
	defer server.Close()
	for host, want := range map[string]bool{strings.TrimPrefix(server.URL, "http://"): true, "127.0.0.1:1": false} {
		err := client(t, host).Call(t.Context(), "GET", "arvados/v1/users/current", nil, nil)
		var e *api.Error
		if !errors.As(err, &e) || e.Kind != api.Unreachable || strings.Contains(e.Text, "write http:// before its host") != want {
			t.Errorf("%s: got %v", host, err)
		}
	}
}
