// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/apiserver"
	"github.com/arvados-s3/keepstore/internal/config"
	"github.com/arvados-s3/keepstore/internal/running"
)

// StandaloneOptions say how to serve without an Arvados cluster.
type StandaloneOptions struct {
	Options
	// DataDir holds everything that must outlive the process.
	DataDir string
	// APIListen is where the embedded API server listens.
	APIListen string
	// APITLS serves https with a certificate of the data folder, as clients
	// that know no plain HTTP need.
	APITLS bool
	// SigningTTL is the life of permission signatures; zero means 336 h.
	SigningTTL time.Duration
	// ReleaseSecrets gives the secrets of credential records to those who
	// manage them, as apiserver.Options.ReleaseSecrets says.
	ReleaseSecrets bool
	// APIReady is called once with the URL of the API server and the file
	// that holds the token of the first user.
	APIReady func(url, tokenFile string)
	// APICertificate is called before APIReady with the file of the
	// certificate, if there is one. It may be nil.
	APICertificate func(file string)
}

// Standalone runs the embedded API server and keepstore in one process, with
// one user who may do everything. While it runs, the file api-url of the data
// folder holds the URL of the API server; for https, the certificate is in
// api-certificate.pem. With the file admin-token, a command finds all it needs
// there.
func Standalone(ctx context.Context, o StandaloneOptions) error {
	listener, url, caFile, err := listenAPI(o)
	if err != nil {
		return err
	}
	services := &keepServices{}
	log := newLogger(slog.LevelInfo, false, o.Log)
	api, err := apiserver.Open(apiserver.Options{
		DataDir: o.DataDir, KeepServices: services.list, BlobSigningTTL: o.SigningTTL, ReleaseSecrets: o.ReleaseSecrets, Log: log,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer api.Close()
	services.uuid = api.ClusterID() + "-bi6l4-000000000000000"
	web := newHTTPServer(api.Handler(), log)
	defer web.Close()
	go func() { _ = web.Serve(listener) }() // ends with web.Close
	tokenFile, err := firstUser(ctx, api, o.DataDir)
	if err != nil {
		return err
	}
	forgetURL, err := running.Tell(o.DataDir, url)
	if err != nil {
		return err
	}
	defer forgetURL()
	o.Provided = config.Provided{
		ClusterID: api.ClusterID(), APIURL: url, APICAFile: caFile,
		SigningKey: creds.NewSecret(api.BlobSigningKey()), SigningTTL: o.SigningTTL,
		SystemRootToken: creds.NewSecret(api.SystemRootToken()),
		IssuerKeyFile:   filepath.Join(o.DataDir, "issuer-keys.pem"),
	}
	ready := o.Ready
	o.Ready = func(address string) {
		services.set(address)
		if caFile != "" && o.APICertificate != nil {
			o.APICertificate(caFile)
		}
		o.APIReady(url, tokenFile)
		if ready != nil {
			ready(address)
		}
	}
	return Serve(ctx, o.Options)
}

// listenAPI opens the port of the API server. caFile is empty without TLS.
func listenAPI(o StandaloneOptions) (listener net.Listener, url, caFile string, err error) {
	var cert tls.Certificate
	if o.APITLS {
		if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
			return nil, "", "", fmt.Errorf("the data folder %s cannot be used: %w", o.DataDir, err)
		}
		host, _, _ := net.SplitHostPort(reachable(o.APIListen))
		if cert, caFile, err = ownCertificate(o.DataDir, host); err != nil {
			return nil, "", "", err
		}
	}
	listener, err = net.Listen("tcp", o.APIListen)
	if err != nil {
		return nil, "", "", fmt.Errorf("cannot listen on %s: %w", o.APIListen, err)
	}
	if !o.APITLS {
		return listener, "http://" + reachable(listener.Addr().String()), "", nil
	}
	url = "https://" + reachable(listener.Addr().String())
	settings := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	return tls.NewListener(listener, settings), url, caFile, nil
}

// reachable is where this machine finds a listener, which may listen on every
// interface.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return address
}

// firstUser makes an administrator and a token on the first start, and what is
// missing of these when that broke off. The token goes into a file that only
// its owner can read, and nowhere else.
func firstUser(ctx context.Context, api *apiserver.Server, dir string) (tokenFile string, err error) {
	tokenFile = filepath.Join(dir, "admin-token")
	if info, err := os.Stat(tokenFile); err == nil && info.Size() > 0 {
		return tokenFile, nil
	}
	user, err := administrator(ctx, api)
	if err != nil {
		return "", err
	}
	token, err := api.CreateToken(ctx, apiserver.TokenSpec{UserUUID: user.UUID})
	if err != nil {
		return "", err
	}
	return tokenFile, writeWhole(tokenFile, []byte(token.Reveal()+"\n"), 0o600)
}

func administrator(ctx context.Context, api *apiserver.Server) (apiserver.User, error) {
	const email = "admin@localhost"
	user, err := api.UserByEmail(ctx, email)
	if missing := new(apiserver.Error); errors.As(err, &missing) && missing.Kind == apiserver.NotFound {
		return api.CreateUser(ctx, apiserver.UserSpec{Email: email, FullName: "Administrator", Username: "admin", Admin: true, Active: true})
	}
	return user, err
}
