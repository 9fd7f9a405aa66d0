// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
)

// State is all that a reload of the configuration replaces. A request uses
// the state that it began with.
type State struct {
	Resolver *resolver.Resolver
	Importer *importer.Importer
	// ManagementToken opens health and metrics; without it both are off.
	ManagementToken creds.Secret
	// AllowedOrigins are the web origins whose pages may call /s3/ routes.
	AllowedOrigins []string
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

// handler answers one request, or returns an error that has written nothing.
type handler func(*exchange) error

// route finds the handler of a request and a fixed name for it. It is not a
// ServeMux, because that answers "GET //<locator>", which Keep clients send,
// with a redirect.
func route(r *http.Request) (name string, h handler) {
	if r.Method == http.MethodOptions {
		return "preflight", (*exchange).preflight
	}
	path := strings.TrimLeft(r.URL.Path, "/")
	switch path {
	case "s3/import":
		return "import", only(http.MethodPost, (*exchange).importS3)
	case "s3/browse":
		return "browse", only(http.MethodGet, (*exchange).browse)
	case "s3/access":
		return "access", only(http.MethodGet, (*exchange).access)
	case "_health/ping":
		return "health", only(http.MethodGet, (*exchange).health)
	case "metrics":
		return "metrics", only(http.MethodGet, (*exchange).scrape)
	}
	if path == "" || strings.Contains(path, "/") {
		return "unknown", (*exchange).unknown
	}
	switch r.Method {
	case http.MethodGet:
		return "get", (*exchange).get
	case http.MethodHead:
		return "head", (*exchange).head
	}
	return "unknown", only("GET, HEAD", nil)
}

// only refuses other methods than the one that h is for.
func only(method string, h handler) handler {
	return func(x *exchange) error {
		if h == nil || x.r.Method != method {
			x.w.Header().Set("Allow", method)
			return refuse("method", "%s is not possible here: use %s", x.r.Method, method)
		}
		return h(x)
	}
}

func (x *exchange) unknown() error {
	return refuse("no-route", "there is nothing at this path: see docs/protocol.md for the routes")
}
