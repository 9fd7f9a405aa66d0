// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	defaultTimeout  = 5 * time.Minute
	defaultMaxReply = 256 << 20
	maxReplyHeader  = 64 << 10
	// maxToken is the longest token that is sent. OpenID access tokens may
	// have a few thousand bytes.
	maxToken = 4 << 10
	// connectTimeout bounds a connection and its TLS handshake, each.
	connectTimeout = 15 * time.Second
	// maxConnections bounds the connections to the one host.
	maxConnections = 16
)

// Client talks to one API server as one user. It is safe for concurrent use.
type Client struct {
	settings Settings
	base     url.URL
	// address is scheme and host, for sentences.
	address string
	http    *http.Client
}

// New checks the settings and returns a client. It sends nothing.
func New(s Settings) (*Client, error) {
	base, err := parseHost(s.Host)
	if err != nil {
		return nil, err
	}
	if err := checkToken(s.Token.Reveal()); err != nil {
		return nil, err
	}
	if s.Timeout <= 0 {
		s.Timeout = defaultTimeout
	}
	if s.MaxReply <= 0 {
		s.MaxReply = defaultMaxReply
	}
	client, err := s.HTTPClient()
	if err != nil {
		return nil, err
	}
	return &Client{settings: s, base: base, address: base.String(), http: client}, nil
}

// Settings returns the settings, with what was left open filled in.
func (c *Client) Settings() Settings { return c.settings }

// Address returns scheme, host and port of the API server.
func (c *Client) Address() string { return c.address }

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// HTTPClient returns a client with the trust and the timeout of the settings,
// for other services of the same cluster. It follows no redirect: who gets
// one sees the reply itself. It uses no proxy but that of the settings.
func (s Settings) HTTPClient() (*http.Client, error) {
	trust, err := loadCAs(s.CAFile)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &http.Client{
		Timeout:       s.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:       s.Proxy, // not from the environment by itself
			DialContext: dialer.DialContext,
			TLSClientConfig: &tls.Config{
				RootCAs: trust, MinVersion: tls.VersionTLS12,
				InsecureSkipVerify: s.Insecure, // only if the user says so
			},
			TLSHandshakeTimeout:    connectTimeout,
			MaxConnsPerHost:        maxConnections,
			MaxIdleConnsPerHost:    maxConnections,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: maxReplyHeader,
			ForceAttemptHTTP2:      true,
		},
	}, nil
}

func loadCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, unusable(err, "the certificate file %s cannot be read: %s", file, reason(err))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, unusable(nil, "the certificate file %s holds no PEM certificate", file)
	}
	return pool, nil
}

func parseHost(host string) (url.URL, error) {
	if host == "" {
		return url.URL{}, unusable(nil, "no Arvados API server is named: set %s and %s, or write them into ~/.config/arvados/settings.conf",
			hostVariable, tokenVariable)
	}
	text := host
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" ||
		u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		// The text may hold a password, so that it is not shown.
		return url.URL{}, unusable(nil, "the API host must look like zzzzz.example.org, zzzzz.example.org:8443 or http://127.0.0.1:25108 (%s)", hostVariable)
	}
	return url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// checkToken refuses what cannot be sent as one word of a header.
func checkToken(token string) error {
	switch {
	case token == "":
		return unusable(nil, "no token is given for the Arvados API server: set %s, or write it into ~/.config/arvados/settings.conf", tokenVariable)
	case len(token) > maxToken:
		return unusable(nil, "the Arvados token is longer than %d bytes", maxToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return unusable(nil, "the Arvados token holds a character that no token has")
	}
	return nil
}
