// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// Options configure a [Server].
type Options struct {
	// DataDir is the folder that holds everything; it is made when missing.
	DataDir string
	// ClusterID is five characters of a-z0-9. It is fixed when the folder is
	// made; empty means the one the folder has, or "zzzzz" for a new one.
	ClusterID string
	// URL is how clients reach this server; empty means as they just did.
	URL string
	// KeepServices lists the Keep services to announce; it may be nil.
	KeepServices func() []KeepService
	// BlobSigningTTL is the life of permission signatures; zero means 336 h.
	BlobSigningTTL time.Duration
	// ReleaseSecrets gives the secret of a credential also to those who manage
	// it, by an own permission link and a token of scope "all". Arvados gives
	// it to running containers only, and so does this server without it: to
	// nobody.
	ReleaseSecrets bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log takes failures of the server itself, and who got which secret; nil
	// means nowhere.
	Log *slog.Logger
}

const (
	defaultCluster    = "zzzzz"
	defaultSigningTTL = 14 * 24 * time.Hour
)

// Server is one API server on one data folder. It is safe for concurrent use.
type Server struct {
	options    Options
	cluster    string
	db         *sql.DB
	signingKey string
	signer     *locator.Signer
	rootToken  string
	resources  resources
	routes     []route
	// large has an element for each large request that is being answered.
	large chan struct{}
}

// Open opens the data folder, or makes it.
func Open(o Options) (*Server, error) {
	o = withDefaults(o)
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return nil, &Error{Kind: Unavailable, Err: err,
			Text: fmt.Sprintf("the data folder %s cannot be used: %v", o.DataDir, errors.Unwrap(err))}
	}
	unlock, err := lockFolder(o.DataDir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	s := &Server{options: o, large: make(chan struct{}, maxLarge)}
	if err := s.openKeys(); err != nil {
		return nil, err
	}
	if s.signer, err = locator.NewSigner([]byte(s.signingKey), o.BlobSigningTTL); err != nil {
		return nil, invalid("%s", err)
	}
	if s.db, err = openDB(o.DataDir); err != nil {
		return nil, err
	}
	if err := s.prepare(context.Background()); err != nil {
		s.db.Close()
		return nil, storage(err)
	}
	return s, nil
}

func withDefaults(o Options) Options {
	if o.KeepServices == nil {
		o.KeepServices = func() []KeepService { return nil }
	}
	if o.BlobSigningTTL == 0 {
		o.BlobSigningTTL = defaultSigningTTL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// prepare brings the database up to date and builds what follows from it.
func (s *Server) prepare(ctx context.Context) error {
	if err := migrate(ctx, s.db); err != nil {
		return err
	}
	var err error
	if s.cluster, err = s.settleCluster(ctx); err != nil {
		return err
	}
	if err := s.ensureSystemUser(ctx); err != nil {
		return err
	}
	s.blankSecrets(ctx)
	s.resources = s.newResources()
	s.routes = s.newRoutes()
	return nil
}

// Close closes the database. The handler must not be used afterwards.
func (s *Server) Close() error { return storage(s.db.Close()) }

// ClusterID returns the five-character prefix of all UUIDs.
func (s *Server) ClusterID() string { return s.cluster }

// BlobSigningKey returns the key of permission signatures. It is a secret.
func (s *Server) BlobSigningKey() string { return s.signingKey }

// SystemRootToken returns the token of the system user. It is a secret.
func (s *Server) SystemRootToken() string { return s.rootToken }

// Handler returns the HTTP interface.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// now returns the time in the one form that the database and the API use.
// Texts of this form sort as the times they stand for.
func (s *Server) now() string { return formatTime(s.options.Now()) }

// Only years of four digits do.
func formatTime(t time.Time) string {
	t = t.UTC()
	if t.Year() > 9999 {
		t = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	} else if t.Year() < 0 {
		t = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t.Format("2006-01-02T15:04:05.000000000Z")
}
