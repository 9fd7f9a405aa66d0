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
	// LookEvery is how often the key file of the issuer is looked at for
	// changes; zero means each minute.
	LookEvery time.Duration
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
	level := new(slog.LevelVar)
	level.Set(c.Log.Level)
	log := newLogger(level, c.Log.JSON, o.Log)
	registry := newRegistry()
	all := shared{s3: newS3Metrics(registry), memory: resolver.NewBuffers(c.Limits.Memory)}
	if all.store, err = openStore(ctx, c, all.memory, registry, log); err != nil {
		return err
	}
	var r *reloader
	defer func() {
		if r == nil || !r.abandoned { // what hangs cannot be closed either
			err = errors.Join(err, all.close())
		}
	}()
	first, err := build(ctx, c, all, log)
	if err != nil {
		return err
	}
	first.activate(all.store)
	handler := server.New(server.Options{Log: log, Registry: registry, MaxRequests: c.Limits.MaxRequests}, first.state)
	r = &reloader{Options: o, log: log, level: level, all: all, handler: handler, current: first}
	defer func() { r.current.close() }()
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", c.Listen, err)
	}
	return r.serve(ctx, listener)
}

// Limits on clients that are slow to say what they want.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
)

// newHTTPServer speaks HTTP/1.1 only: in HTTP/2 a Write may return before its
// bytes are copied, when the client resets the stream, and our buffers go on to
// the next request.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), Protocols: protocols,
	}
}
