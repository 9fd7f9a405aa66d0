// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// metadata is an instance metadata service on loopback: protocol version 2,
// one role.
type metadata struct {
	*httptest.Server
	role string // reply to the role's request; %d is the number of the fetch

	mu   sync.Mutex
	asks []string
}

const metadataToken = "a-metadata-token"

func newMetadata(t *testing.T, role string) *metadata {
	t.Helper()
	m := &metadata{role: role}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Close)
	return m
}

// goodRole is a reply with credentials that live for an hour.
func goodRole(prefix string) string {
	return fmt.Sprintf(`{"Code":"Success","AccessKeyId":"%s%%d","SecretAccessKey":"hunter2","Token":"session","Expiration":%q}`,
		prefix, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

func (m *metadata) serve(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asks = append(m.asks, r.Method+" "+r.URL.Path)
	switch {
	case r.Method == "PUT" && r.URL.Path == "/latest/api/token":
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
		fmt.Fprint(w, metadataToken)
	case r.Header.Get("X-Aws-Ec2-Metadata-Token") != metadataToken:
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/latest/meta-data/iam/security-credentials/":
		fmt.Fprint(w, "the-role\n")
	case r.URL.Path == "/latest/meta-data/iam/security-credentials/the-role":
		fmt.Fprint(w, strings.ReplaceAll(m.role, "%d", fmt.Sprint(m.count())))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (m *metadata) count() int {
	n := 0
	for _, a := range m.asks {
		if strings.HasSuffix(a, "/the-role") {
			n++
		}
	}
	return n
}

func (m *metadata) requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asks)
}

func TestInstance(t *testing.T) {
	m := newMetadata(t, goodRole("IMDS"))
	c := newInstance(&Endpoint{Name: "e", MetadataURL: m.URL})
	got, err := c.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.AccessKeyID != "IMDS1" || got.SecretAccessKey != "hunter2" || got.SessionToken != "session" || !got.CanExpire {
		t.Error("the credentials are not those of the service")
	}
	expect(t, c, "IMDS1")
	want := []string{"PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/", "GET /latest/meta-data/iam/security-credentials/the-role"}
	if got := m.requests(); !slices.Equal(got, want) {
		t.Errorf("the service was asked for %q, want %q", got, want)
	}
	c.fetcher.began.Store(0) // long ago
	c.Invalidate()
	expect(t, c, "IMDS2")
}

// TestInstanceExpired: the service may serve credentials that are over; the
// next request asks again.
func TestInstanceExpired(t *testing.T) {
	m := newMetadata(t, `{"Code":"Success","AccessKeyId":"OLD","SecretAccessKey":"hunter2","Expiration":"2020-01-01T00:00:00Z"}`)
	c := newInstance(&Endpoint{Name: "e", MetadataURL: m.URL})
	expect(t, c, string(Unavailable))
	m.mu.Lock()
	m.role = goodRole("NEW")
	m.mu.Unlock()
	expect(t, c, "NEW2")
}

// TestInstanceFaults: every bad reply is one kind of error, whose text and
// cause hold nothing of the reply.
func TestInstanceFaults(t *testing.T) {
	for name, role := range map[string]string{
		"not JSON":  `"hunter2`,
		"failed":    `{"Code":"hunter2","Message":"hunter2"}`,
		"empty":     ``,
		"no key":    `{"Code":"Success","SecretAccessKey":"hunter2","Expiration":"2090-01-01T00:00:00Z"}`,
		"no end":    `{"Code":"Success","AccessKeyId":"A","SecretAccessKey":"hunter2"}`,
		"very long": `{"Code":"` + strings.Repeat("hunter2", 20000) + `"}`,
	} {
		m := newMetadata(t, role)
		_, err := newInstance(&Endpoint{Name: "e", MetadataURL: m.URL}).Retrieve(t.Context())
		e, ok := err.(*Error)
		if !ok || e.Kind != Unavailable || e.Err == nil || strings.Contains(e.Err.Error()+e.Text, "hunter2") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestInstanceDown(t *testing.T) {
	m := newMetadata(t, "")
	m.Close()
	expect(t, newInstance(&Endpoint{Name: "e", MetadataURL: m.URL}), string(Unavailable))
}

// TestInstanceVersionOne: a service without tokens is not used.
func TestInstanceVersionOne(t *testing.T) {
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == "PUT":
			w.WriteHeader(http.StatusNotFound)
		case strings.HasSuffix(r.URL.Path, "/"):
			fmt.Fprint(w, "role")
		default:
			fmt.Fprintf(w, goodRole("V1-"), 1)
		}
	}))
	defer old.Close()
	expect(t, newInstance(&Endpoint{Name: "e", MetadataURL: old.URL}), string(Unavailable))
}

// TestInstanceRedirect: the service cannot send us elsewhere.
func TestInstanceRedirect(t *testing.T) {
	canary := newMetadata(t, goodRole("EVIL"))
	bad := httptest.NewServer(http.RedirectHandler(canary.URL+"/latest/api/token", http.StatusTemporaryRedirect))
	defer bad.Close()
	expect(t, newInstance(&Endpoint{Name: "e", MetadataURL: bad.URL}), string(Unavailable))
	if got := canary.requests(); len(got) != 0 {
		t.Errorf("the redirect was followed: %q", got)
	}
	expect(t, newInstance(&Endpoint{Name: "e", MetadataURL: canary.URL}), "EVIL1")
}

// TestInstanceDefault: without a setting the address is that of AWS, and not
// left to the SDK, which would ask the environment.
func TestInstanceDefault(t *testing.T) {
	if got := metadataOptions(&Endpoint{}).Endpoint; got != "http://169.254.169.254" {
		t.Errorf("got %q", got)
	}
}
