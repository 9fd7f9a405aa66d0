// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/arvados-s3/keepstore/internal/config"
	"github.com/arvados-s3/keepstore/internal/server"
)

// reloader owns the current generation, and what outlives generations.
type reloader struct {
	Options
	log         *slog.Logger
	level       *slog.LevelVar
	all         shared
	handler     *server.Server
	current     *generation
	certificate atomic.Pointer[tls.Certificate]
	// abandoned says that work on volumes did not end with the drain.
	abandoned bool
}

func (r *reloader) serve(ctx context.Context, listener net.Listener) error {
	if err := r.loadCertificate(r.current.config.TLS); err != nil {
		return errors.Join(err, listener.Close())
	}
	web := newHTTPServer(r.handler, r.log)
	failed := make(chan error, 1)
	go func() { failed <- r.serveHTTP(web, listener) }()
	r.log.Info("listening", "address", listener.Addr().String(), "version", Version(), "rules", len(r.current.config.Rules))
	if r.Ready != nil {
		r.Ready(listener.Addr().String())
	}
	look := time.NewTicker(cmp.Or(r.LookEvery, lookEvery))
	defer look.Stop()
	for {
		select {
		case <-look.C:
			r.current.roles.look(r.log)
		case <-r.Reload:
			r.reload(ctx)
		case err := <-failed:
			return err
		case <-ctx.Done():
			return r.drain(web)
		}
	}
}

// lookEvery is how often the key file of the issuer is looked at: far sooner
// than a new key signs, and than a stolen one should go on being published.
const lookEvery = time.Minute

// loadCertificate reads the certificate to serve from now on, if any.
func (r *reloader) loadCertificate(files config.TLS) error {
	if files.CertFile == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		return err
	}
	r.certificate.Store(&pair)
	return nil
}

// serveHTTP asks for the certificate at each handshake, so that a renewed one
// is served after a reload.
func (r *reloader) serveHTTP(web *http.Server, listener net.Listener) error {
	var err error
	if r.certificate.Load() != nil {
		web.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return r.certificate.Load(), nil }}
		err = web.ServeTLS(listener, "", "")
	} else {
		err = web.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// reload takes a new configuration if it is sound, and keeps the old one if
// it is not.
func (r *reloader) reload(ctx context.Context) {
	c, err := config.LoadWith(r.ConfigFile, r.Provided)
	var next *generation
	if err == nil {
		next, err = build(ctx, c, r.all, r.log)
	}
	if err == nil {
		err = r.loadCertificate(c.TLS)
	}
	if err != nil {
		if next != nil {
			next.close()
		}
		r.log.Error("reload refused: the old configuration stays", "error", err.Error())
		return
	}
	old := r.current
	for _, name := range needRestart(old.config, c) {
		r.log.Warn("this setting takes a restart: the old one stays", "setting", name)
	}
	r.level.Set(c.Log.Level)
	r.handler.SetState(next.state)
	next.activate(r.all.store)
	r.current = next
	if !reflect.DeepEqual(access(old.config), access(c)) {
		old.state.Importer.Retire() // an import may take hours
	}
	old.close()
	r.log.Info("reloaded", "rules", len(c.Rules))
}

// access is what decides who may read and import what.
func access(c *config.Config) []any {
	return []any{c.ClusterID, c.API, c.Signing, c.Endpoints, c.Rules, c.Issuer, c.Roles}
}

// needRestart names the settings that differ and are read at the start only.
func needRestart(old, c *config.Config) []string {
	var names []string
	for name, differs := range map[string]bool{
		"listen":              old.Listen != c.Listen,
		"tls (on or off)":     (old.TLS.CertFile == "") != (c.TLS.CertFile == ""),
		"log.format":          old.Log.JSON != c.Log.JSON,
		"limits.max_requests": old.Limits.MaxRequests != c.Limits.MaxRequests,
		"limits.memory":       old.Limits.Memory != c.Limits.Memory,
		"trash_lifetime":      old.Trash.Lifetime != c.Trash.Lifetime,
		"volumes":             !reflect.DeepEqual(old.Volumes, c.Volumes),
	} {
		if differs {
			names = append(names, name)
		}
	}
	return names
}

// drain stops listening and waits for requests in progress.
func (r *reloader) drain(web *http.Server) error {
	limit := r.current.config.Limits.Drain
	r.log.Info("draining", "limit", limit.String())
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	workers := r.stopWorkers()
	err := web.Shutdown(ctx)
	select {
	case <-workers:
	case <-ctx.Done(): // a disk that hangs must not outlast the limit
		r.log.Warn("work on volumes did not end", "after", limit.String())
		r.abandoned = true
	}
	if err != nil {
		r.log.Warn("requests were cut off", "after", limit.String())
		return web.Close()
	}
	r.log.Info("stopped")
	return nil
}

// stopWorkers tells the workers of the volumes to end, and returns when they
// have on a channel.
func (r *reloader) stopWorkers() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if r.all.store != nil {
			r.all.store.Stop()
		}
	}()
	return done
}
