// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
)

// Options are the settings of a [Client].
type Options struct {
	Signer *locator.Signer
	// Token is the system root token.
	Token creds.Secret
	// CAFile holds PEM certificates to trust in place of the system's, or is
	// empty.
	CAFile string
}

// Client reads from other Keep servers. It is safe for concurrent use.
type Client struct {
	options   Options
	transport *http.Transport
}

// New returns a client.
func New(o Options) (*Client, error) {
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		IdleConnTimeout:       time.Minute,
		DisableCompression:    true,
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the CA file for other Keep servers holds no certificate, or cannot be read: check ca_file")
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &Client{options: o, transport: t}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Fetch reads a block into buf, which has its size. It follows no redirect:
// the token is for this server alone.
func (c *Client) Fetch(ctx context.Context, server string, l locator.Locator, buf []byte) error {
	base, err := url.Parse(server)
	if err != nil || base.Host == "" || base.User != nil || base.Scheme != "http" && base.Scheme != "https" {
		return fmt.Errorf("the pull list names a server that is not an http or https URL")
	}
	token := c.options.Token.Reveal()
	signed := c.options.Signer.Sign(l, token, time.Now().Add(c.options.Signer.TTL()))
	address := base.Scheme + "://" + base.Host + strings.TrimRight(base.EscapedPath(), "/") + "/" + signed.String()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("the pull list names a server that cannot be asked")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("User-Agent", "keepstore")
	reply, err := c.transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", base.Host, err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers with status %d", base.Host, reply.StatusCode)
	}
	if _, err := io.ReadFull(reply.Body, buf); err != nil {
		return fmt.Errorf("%s ended its answer too early: %w", base.Host, err)
	}
	return nil
}
