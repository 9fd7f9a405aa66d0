// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// certificate returns the text of the certificate for a host.
func certificate(t *testing.T, dir, host string) string {
	t.Helper()
	_, file, err := ownCertificate(dir, host)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCertificateIsKept: made once, and again only for a host that it does not
// fit, or when a part is missing.
func TestCertificateIsKept(t *testing.T) {
	dir := t.TempDir()
	first := certificate(t, dir, "127.0.0.1")
	if certificate(t, dir, "localhost") != first || certificate(t, dir, "::1") != first {
		t.Error("the certificate was not kept")
	}
	second := certificate(t, dir, "keep.example.org")
	if second == first || certificate(t, dir, "keep.example.org") != second || certificate(t, dir, "localhost") != second {
		t.Error("a certificate for another host must be new, and then kept")
	}
	if certificate(t, dir, "192.0.2.7") == second {
		t.Error("the certificate does not fit the address")
	}
	if err := os.Remove(filepath.Join(dir, "api-certificate.pem")); err != nil {
		t.Fatal(err)
	}
	if certificate(t, dir, "localhost") == "" {
		t.Error("no certificate was made again")
	}
	info, err := os.Stat(filepath.Join(dir, "api-key.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v, %v", info.Mode(), err)
	}
}

// TestCertificateKeyIsSecret: clients trust the certificate for any host, so
// that its key is not used once others may have read it.
func TestCertificateKeyIsSecret(t *testing.T) {
	dir := t.TempDir()
	certificate(t, dir, "localhost")
	key := filepath.Join(dir, "api-key.pem")
	for mode, want := range map[os.FileMode]bool{0o640: false, 0o604: false, 0o600: true, 0o400: true} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ownCertificate(dir, "localhost"); (err == nil) != want {
			t.Errorf("a key of mode %v: %v", mode, err)
		}
	}
}

// TestCertificateDamaged: nothing of the user's is overwritten.
func TestCertificateDamaged(t *testing.T) {
	dir := t.TempDir()
	certificate(t, dir, "localhost")
	file := filepath.Join(dir, "api-certificate.pem")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ownCertificate(dir, "localhost"); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

// TestListenAPI: a client that trusts the file, and only such a one, connects.
func TestListenAPI(t *testing.T) {
	listener, url, file, err := listenAPI(StandaloneOptions{DataDir: t.TempDir(), APIListen: "127.0.0.1:0", APITLS: true})
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	t.Cleanup(func() { web.Close(); <-served })
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(text) {
		t.Fatal("the file holds no certificate")
	}
	for name, c := range map[string]struct {
		pool *x509.CertPool
		url  string
		want bool
	}{
		"trusted":       {trusted, url, true},
		"by name":       {trusted, strings.Replace(url, "127.0.0.1", "localhost", 1), true},
		"not trusted":   {x509.NewCertPool(), url, false},
		"without https": {trusted, strings.Replace(url, "https", "http", 1), false},
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.pool}, DisableKeepAlives: true}
		reply, err := (&http.Client{Transport: transport}).Get(c.url)
		if err == nil {
			reply.Body.Close()
		}
		if got := err == nil && reply.StatusCode == 404; got != c.want {
			t.Errorf("%s: connected %v, %v", name, got, err)
		}
	}
}

func TestReachable(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:1": "127.0.0.1:1", "0.0.0.0:1": "localhost:1", "[::]:1": "localhost:1", ":1": "localhost:1", "host:1": "host:1", "[::1]:1": "[::1]:1",
	} {
		if got := reachable(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if _, _, _, err := listenAPI(StandaloneOptions{APIListen: "192.0.2.1:1"}); err == nil {
		t.Error("listened on an address of somebody else")
	}
}
