// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"reflect"
	"time"

	"github.com/arvados-s3/keepstore/internal/config"
	"github.com/arvados-s3/keepstore/internal/server"
	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
)

// Options say how to serve.
type Options struct {
	// ConfigFile is read at the start and at each reload.
	ConfigFile string
	// Provided fills settings that the file leaves out.
	Provided config.Provided
	// Log is where log lines go.
	Log io.Writer
	// Reload asks to read ConfigFile again; it may be nil.
	Reload <-chan os.Signal
	// Ready is called once with the address that the server listens on.
	Ready func(address string)
}

// Serve serves until ctx ends, and then lets requests in progress finish for
// as long as the configuration allows.
func Serve(ctx context.Context, o Options) (err error) {
	c, err := config.LoadWith(o.ConfigFile, o.Provided)
	if err != nil {
		return err
	}
	log := newLogger(c.Log, o.Log)
	registry := newRegistry()
	all := shared{s3: newS3Metrics(registry), memory: resolver.NewBuffers(c.Limits.Memory)}
	if all.store, err = openStore(ctx, c, all.memory, registry, log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.close()) }()
	first, err := build(ctx, c, all, log)
	if err != nil {
		return err
	}
	first.activate(all.store)
	handler := server.New(server.Options{Log: log, Registry: registry, MaxRequests: c.Limits.MaxRequests}, first.state)
	r := &reloader{Options: o, log: log, all: all, handler: handler, current: first}
	defer func() { r.current.close() }()
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", c.Listen, err)
	}
	return r.serve(ctx, listener)
}

// reloader owns the current generation.
type reloader struct {
	Options
	log     *slog.Logger
	all     shared
	handler *server.Server
	current *generation
}

func (r *reloader) serve(ctx context.Context, listener net.Listener) error {
	web := newHTTPServer(r.handler, r.log)
	failed := make(chan error, 1)
	files := r.current.config.TLS
	go func() { failed <- serveHTTP(web, listener, files) }()
	r.log.Info("listening", "address", listener.Addr().String(), "version", Version(), "rules", len(r.current.config.Rules))
	if r.Ready != nil {
		r.Ready(listener.Addr().String())
	}
	for {
		select {
		case <-r.Reload:
			r.reload(ctx)
		case err := <-failed:
			return err
		case <-ctx.Done():
			return r.drain(web)
		}
	}
}

// reload takes a new configuration if it is sound, and keeps the old one if
// it is not. The address, TLS files, log format, volumes and memory stay as
// they are.
func (r *reloader) reload(ctx context.Context) {
	c, err := config.LoadWith(r.ConfigFile, r.Provided)
	var next *generation
	if err == nil {
		next, err = build(ctx, c, r.all, r.log)
	}
	if err != nil {
		r.log.Error("reload refused: the old configuration stays", "error", err.Error())
		return
	}
	old := r.current
	if !reflect.DeepEqual(old.config.Volumes, c.Volumes) || old.config.Limits.Memory != c.Limits.Memory {
		r.log.Warn("a change of volumes or limits.memory takes a restart: the old ones stay")
	}
	r.handler.SetState(next.state)
	next.activate(r.all.store)
	r.current = next
	old.close()
	r.log.Info("reloaded", "rules", len(c.Rules))
}

// drain stops listening and waits for requests in progress.
func (r *reloader) drain(web *http.Server) error {
	limit := r.current.config.Limits.Drain
	r.log.Info("draining", "limit", limit.String())
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if r.all.store != nil {
		r.all.store.Stop()
	}
	if err := web.Shutdown(ctx); err != nil {
		r.log.Warn("requests were cut off", "after", limit.String())
		return web.Close()
	}
	r.log.Info("stopped")
	return nil
}

// Limits on clients that are slow to say what they want.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
)

func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func serveHTTP(web *http.Server, listener net.Listener, files config.TLS) error {
	var err error
	if files.CertFile != "" {
		err = web.ServeTLS(listener, files.CertFile, files.KeyFile)
	} else {
		err = web.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
