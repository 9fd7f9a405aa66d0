// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
)

// State is all that a reload of the configuration replaces. A request uses
// the state that it began with.
type State struct {
	Resolver *resolver.Resolver
	Importer *importer.Importer
	// Store holds the ordinary blocks; nil if this server has no volumes.
	Store *keep.Store
	// Signer makes and checks the signatures of ordinary blocks.
	Signer *locator.Signer
	// SystemRootToken opens the routes for other services of the cluster;
	// without it they are off.
	SystemRootToken creds.Secret
	// ManagementToken opens health and metrics; without it both are off.
	ManagementToken creds.Secret
	// AllowedOrigins are the web origins whose pages may call /s3/ routes.
	AllowedOrigins []string
	// Issuer names users to the STS of clouds; nil if this server does not.
	Issuer Issuer
	// Total is the most time that one read may take.
	Total time.Duration
}

// Options do not change while the server runs.
type Options struct {
	Log *slog.Logger
	// Registry holds the metrics of the whole process.
	Registry *prometheus.Registry
	// MaxRequests is the number of requests served at once; as many again
	// wait. 0 means 512.
	MaxRequests int
}

// Server is the handler of all routes. Use [New].
type Server struct {
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics
	gate     *gate
	state    atomic.Pointer[State]
}

// New returns a server that answers with the given state.
func New(o Options, s *State) *Server {
	if o.MaxRequests == 0 {
		o.MaxRequests = 512
	}
	srv := &Server{log: o.Log, registry: o.Registry, metrics: newMetrics(o.Registry), gate: newGate(o.MaxRequests)}
	srv.state.Store(s)
	return srv
}

// SetState replaces the state for all requests that come from now on.
func (s *Server) SetState(state *State) { s.state.Store(state) }
