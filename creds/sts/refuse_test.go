// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
)

// TestRefusals is case T-11: each answer has its error, names the code only
// where it is one that is known, and is asked for again only where that may
// help.
func TestRefusals(t *testing.T) {
	const echo = "secret-role " + testToken
	for _, c := range []struct {
		status int
		code   string
		kind   creds.Kind
		text   string
		calls  int
	}{
		{400, "MalformedPolicyDocument", creds.RoleRefused, "(MalformedPolicyDocument)", 1},
		{400, "InvalidIdentityToken", creds.RoleRefused, "(InvalidIdentityToken): ask the owner of the role to trust this server for " + testUser, 1},
		{400, "InvalidParameterValue", creds.RoleRefused, "(InvalidParameterValue): ask the owner of the role to trust this server for " + testUser + "; MinIO says this also when", 1},
		{403, "AccessDenied", creds.RoleRefused, "(AccessDenied)", 1},
		{403, "IDPRejectedClaim", creds.RoleRefused, "(IDPRejectedClaim)", 1},
		{403, testToken, creds.RoleRefused, "refuses a session of the role: ask", 1},
		{403, "", creds.RoleRefused, "refuses a session of the role: ask", 1},
		{404, "NotFound", creds.RoleRefused, "refuses a session of the role: ask", 1},
		{400, "IDPCommunicationError", creds.Unavailable, "try again", 3},
		{400, "Throttling", creds.Unavailable, "try again", 3},
		{429, "TooManyRequests", creds.Unavailable, "try again", 3},
		{500, "InternalFailure", creds.Unavailable, "try again", 3},
		{503, testToken, creds.Unavailable, "try again", 3},
		{408, "RequestTimeout", creds.Unavailable, "try again", 1},
	} {
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) { failure(w, c.status, c.code, echo) })
		for name, call := range map[string]func(*testing.T, string) (aws.Credentials, error){"web identity": withToken, "AssumeRole": withID} {
			before := s.calls()
			_, err := call(t, s.URL)
			want(t, fmt.Sprintf("%s %d %.20s", name, c.status, c.code), err, c.kind, c.text)
			// IDPCommunicationError is an answer of web identity alone.
			if got := s.calls() - before; got != c.calls && (name == "web identity" || c.code != "IDPCommunicationError") {
				t.Errorf("%s %d %.20s: %d calls, want %d", name, c.status, c.code, got, c.calls)
			}
		}
	}
}

// TestRecovers: an overloaded service that answers the third time is fine.
func TestRecovers(t *testing.T) {
	var n atomic.Int64
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) < 3 {
			failure(w, 503, "SlowDown", "")
			return
		}
		good(assumed)(w, r)
	})
	_, err := withToken(t, s.URL)
	want(t, "third attempt", err, "", "")
}

// TestBadReplies: what is not an answer of an STS is one kind of error, and
// nothing of it is shown. The good service of TestAssumeWithToken is the
// positive control.
func TestBadReplies(t *testing.T) {
	full := session("AssumeRoleWithWebIdentity", assumed, time.Now().Add(time.Hour))
	for name, body := range map[string]string{
		"HTML":        "<html><body>hunter2 " + testToken + "</body></html>",
		"not XML":     "hunter2" + testToken,
		"empty":       "",
		"huge":        strings.Replace(full, "ASIA1", strings.Repeat("hunter2", 20000), 1),
		"huge spaces": full + strings.Repeat(" ", 1<<20),
		"no keys":     strings.ReplaceAll(full, "Credentials", "Other"),
		"no end":      strings.ReplaceAll(full, "Expiration", "Other"),
		"empty key":   strings.Replace(full, "ASIA1", "", 1),
		"odd token":   strings.Replace(full, "<SessionToken>t", "<SessionToken>hunter2&#10;x: y", 1),
	} {
		for _, status := range []int{200, 502} {
			s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				fmt.Fprint(w, body)
			})
			_, err := withToken(t, s.URL)
			want(t, fmt.Sprint(name, " ", status), err, creds.Unavailable, "try again")
		}
	}
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(403)
		fmt.Fprint(w, "<html>hunter2 "+testToken+"</html>")
	})
	_, err := withToken(t, s.URL)
	want(t, "HTML 403", err, creds.RoleRefused, "refuses a session of the role: ask")
}

// TestRedirect is case N-01 for the STS: no redirect is followed, and nobody
// else hears the token.
func TestRedirect(t *testing.T) {
	canary := newService(t, good(assumed))
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", canary.URL)
			w.WriteHeader(status)
		})
		_, err := withToken(t, s.URL)
		want(t, fmt.Sprint(status), err, creds.Unavailable, "does not answer as it should")
		if s.calls() != 1 {
			t.Errorf("%d: %d calls", status, s.calls())
		}
	}
	if n := canary.calls(); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
	_, err := withToken(t, canary.URL)
	want(t, "the canary by itself", err, "", "")
}

// TestBrokenPeers: raw connections. What comes in place of HTTP may echo the
// token, and must not be quoted.
func TestBrokenPeers(t *testing.T) {
	for name, line := range map[string]string{
		"closed":      "",
		"not HTTP":    "hunter2 " + testToken + "\r\n\r\n",
		"status echo": "HTTP/1.1 hunter2" + testToken + " x\r\n\r\n",
		"header echo": "HTTP/1.1 200 OK\r\nhunter2 " + testToken + "\r\n\r\n",
		"many heads":  "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: hunter2\r\n", 20000) + "\r\n",
		"cut body":    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhunter2",
		"switching":   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: hunter2\r\nConnection: upgrade\r\n\r\n",
	} {
		_, err := withToken(t, "http://"+rawPeer(t, line))
		want(t, name, err, creds.Unavailable, "try again")
	}
	_, err := withToken(t, "http://127.0.0.1:1")
	want(t, "nobody", err, creds.Unavailable, "try again")
}

// rawPeer answers each connection with text after the head of a request.
func rawPeer(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = c.Write([]byte(text))
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// TestStall: a service that says nothing ends with the caller's patience.
func TestStall(t *testing.T) {
	release := make(chan struct{})
	s := newService(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := newClient(0).AssumeWithToken(ctx, request(s.URL), creds.NewSecret(testToken))
	want(t, "stall", err, creds.Unavailable, "try again")
}

// TestUntrusted: a certificate that nobody vouches for ends the call before
// the token is sent.
func TestUntrusted(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token was sent") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	_, err := withToken(t, s.URL)
	want(t, "TLS", err, creds.Unavailable, "try again")
}

// TestClock is case T-10: a refusal that a wrong clock explains says so, in
// minutes, and is not tried again.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		code string
		ours time.Duration
		kind creds.Kind
		text string
	}{
		{"ExpiredTokenException", -10 * time.Minute, creds.ClockSkew, "the clock of this server is 10 minutes behind that of"},
		{"InvalidIdentityToken", 10 * time.Minute, creds.ClockSkew, "the clock of this server is 10 minutes ahead of that of"},
		{"InvalidParameterValue", 10 * time.Minute, creds.ClockSkew, "ask the operator to check the clock"},
		{"SignatureDoesNotMatch", -45 * time.Second, creds.ClockSkew, "seconds behind"},
		{"", 10 * time.Minute, creds.ClockSkew, "10 minutes ahead"},
		{"AccessDenied", 10 * time.Minute, creds.RoleRefused, "(AccessDenied)"},
		{"ExpiredTokenException", 5 * time.Second, creds.ClockSkew, "takes a web token for expired that this server made a moment ago: ask the operator to check the clock of this server, and that of the service"},
		{"ExpiredToken", 0, creds.ClockSkew, "takes a web token for expired"},
		{"InvalidIdentityToken", 5 * time.Second, creds.RoleRefused, "(InvalidIdentityToken)"},
	} {
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) { failure(w, 400, c.code, testToken) })
		client := newClient(c.ours)
		_, err := client.AssumeWithToken(t.Context(), request(s.URL), creds.NewSecret(testToken))
		want(t, c.code+c.ours.String(), err, c.kind, c.text)
		if s.calls() != 1 {
			t.Errorf("%s: %d calls", c.code, s.calls())
		}
	}
}

// TestOwnSessionExpired: what AssumeRole takes for expired is the server's own
// session, which may well be.
func TestOwnSessionExpired(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) { failure(w, 400, "ExpiredTokenException", testToken) })
	_, err := withID(t, s.URL)
	want(t, "AssumeRole", err, creds.RoleRefused, "(ExpiredTokenException)")
	_, err = withToken(t, s.URL)
	want(t, "web identity", err, creds.ClockSkew, "takes a web token for expired")
}

// TestEndedSession: a session that has ended by our clock is a clock fault.
func TestEndedSession(t *testing.T) {
	s := newService(t, good(assumed))
	late := newClient(20 * time.Minute)
	_, err := late.AssumeWithToken(t.Context(), request(s.URL), creds.NewSecret(testToken))
	want(t, "late", err, creds.ClockSkew, "20 minutes ahead")
	s = newService(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, session(r.PostForm.Get("Action"), assumed, time.Now().Add(-time.Hour)))
	})
	_, err = withToken(t, s.URL)
	want(t, "ended", err, creds.ClockSkew, "differ: ask the operator")
}

// TestOwnCredentials: an error of the server's own credentials stays what it is.
func TestOwnCredentials(t *testing.T) {
	s := newService(t, good(assumed))
	own := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, &creds.Error{Kind: creds.Unavailable, Text: "own credentials", Err: context.Canceled}
	})
	_, err := newClient(0).Assume(t.Context(), request(s.URL), "x", own)
	want(t, "own", err, creds.Unavailable, "own credentials")
	if s.calls() != 0 {
		t.Error("the STS was asked without credentials")
	}
}

// TestNoCAFile: authorities that cannot be read are not replaced by others.
func TestNoCAFile(t *testing.T) {
	r := request("http://localhost:1")
	r.Endpoint.CAFile = "/nothing"
	_, err := newClient(0).AssumeWithToken(t.Context(), r, creds.NewSecret(testToken))
	want(t, "no CA file", err, creds.Unavailable, "as it is configured")
}
