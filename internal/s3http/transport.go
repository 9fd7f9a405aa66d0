// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3http

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/arvados-s3/keepstore/creds"
)

// Limits of the connections to one endpoint.
const (
	dialTimeout    = 5 * time.Second
	idleTimeout    = 60 * time.Second
	maxIdle        = 512
	maxHeaderBytes = 64 << 10
	// readBuffer is small, since large reads bypass it.
	readBuffer = 16 << 10
)

// errLinkLocal is what the dialer says about 169.254.0.0/16 and fe80::/10,
// where clouds keep their metadata services.
var errLinkLocal = errors.New("refusing to connect to a link-local address")

// NewTransport makes the transport of one endpoint. It takes nothing from the
// environment. It is used without http.Client, so it never follows redirects.
func NewTransport(e *creds.Endpoint) (*http.Transport, error) {
	roots, err := loadRoots(e.CAFile)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, Control: refuseLinkLocal(e.URL)}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    dialTimeout,
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ReadBufferSize:         readBuffer,
	}, nil
}

// errSwitched is a reply that ends HTTP on its connection.
var errSwitched = errors.New("the server switches to another protocol, which nobody asked for")

// RoundTrip is that of the transport, except that status 101 is an error:
// after it neither the context of the request nor any other limit ends a read
// of the body.
func RoundTrip(t *http.Transport, r *http.Request) (*http.Response, error) {
	reply, err := t.RoundTrip(r)
	if err == nil && reply.StatusCode == http.StatusSwitchingProtocols {
		_ = reply.Body.Close() // closes the connection
		return nil, errSwitched
	}
	return reply, err
}

// loadRoots returns the authorities of a PEM file, or nil for the system's.
func loadRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return roots, nil
}

// refuseLinkLocal returns the check that a dialer makes on each address after
// the name is resolved. The endpoint's own URL may name such an address, as a
// number only.
func refuseLinkLocal(endpointURL string) func(network, address string, _ syscall.RawConn) error {
	var own netip.Addr
	if u, err := url.Parse(endpointURL); err == nil {
		own, _ = netip.ParseAddr(u.Hostname())
	}
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if to.Addr().Unmap().IsLinkLocalUnicast() && to.Addr().WithZone("") != own.WithZone("") {
			return errLinkLocal
		}
		return nil
	}
}

// Hopeless reports whether err is a dial error that no further attempt can
// cure.
func Hopeless(err error) bool {
	certificate := new(tls.CertificateVerificationError)
	return errors.Is(err, errLinkLocal) || errors.As(err, &certificate)
}
