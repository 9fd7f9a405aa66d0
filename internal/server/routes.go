// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strings"
)

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
	first, _, below := strings.Cut(path, "/")
	switch {
	case first == "s3" || first == "_health" || first == ".well-known" || path == "metrics":
		return ownRoute(path)
	case first == "index" || first == "mounts":
		return "index", only("GET, HEAD", (*exchange).blockList)
	case path == "pull":
		return "pull", only(http.MethodPut, (*exchange).pullList)
	case path == "trash":
		return "trash", only(http.MethodPut, (*exchange).trashList)
	case first == "untrash" && below:
		return "untrash", only(http.MethodPut, (*exchange).untrash)
	case path == "" || below && !beginsWithHash(path):
		return "unknown", (*exchange).unknown
	}
	return blockRoute(r)
}

// ownRoute finds the routes that no other Keep server has, and those for
// operators.
func ownRoute(path string) (name string, h handler) {
	switch path {
	case "s3/import":
		return "import", only(http.MethodPost, (*exchange).importS3)
	case "s3/browse":
		return "browse", only(http.MethodGet, (*exchange).browse)
	case "s3/lifecycle":
		return "lifecycle", only(http.MethodGet, (*exchange).lifecycle)
	case "s3/access":
		return "access", only(http.MethodGet, (*exchange).access)
	case "s3/uses":
		return "uses", only(http.MethodGet, (*exchange).uses)
	case ".well-known/openid-configuration":
		return "issuer", only("GET, HEAD", (*exchange).discovery)
	case ".well-known/jwks.json":
		return "issuer", only("GET, HEAD", (*exchange).keySet)
	case "_health/ping":
		return "health", only(http.MethodGet, (*exchange).health)
	case "metrics":
		return "metrics", only(http.MethodGet, (*exchange).scrape)
	}
	return "unknown", (*exchange).unknown
}

func blockRoute(r *http.Request) (name string, h handler) {
	switch r.Method {
	case http.MethodGet:
		return "get", (*exchange).get
	case http.MethodHead:
		return "head", (*exchange).head
	case http.MethodPut:
		return "put", writes((*exchange).put)
	case "TOUCH":
		return "touch", writes((*exchange).touch)
	case http.MethodDelete:
		return "delete", writes((*exchange).trash)
	}
	return "unknown", (*exchange).noMethod
}

// only refuses other methods than those that h is for.
func only(methods string, h handler) handler {
	return func(x *exchange) error {
		for _, m := range strings.Split(methods, ", ") {
			if x.r.Method == m {
				return h(x)
			}
		}
		return x.refuseMethod(methods)
	}
}

// writes refuses to change blocks where there are no volumes.
func writes(h handler) handler {
	return func(x *exchange) error {
		if x.Store == nil {
			return x.noMethod()
		}
		return h(x)
	}
}

// noMethod refuses a method on a block.
func (x *exchange) noMethod() error {
	if x.Store == nil {
		return x.refuseMethod("GET, HEAD")
	}
	return x.refuseMethod("GET, HEAD, PUT, TOUCH, DELETE")
}

func (x *exchange) refuseMethod(allowed string) error {
	x.w.Header().Set("Allow", allowed)
	return refuse("method", "%s is not possible here: use %s", x.r.Method, allowed)
}

func (x *exchange) unknown() error {
	return refuse("no-route", "there is nothing at this path: see docs/protocol.md for the routes")
}

func beginsWithHash(path string) bool {
	return len(path) >= 32 && strings.Trim(path[:32], "0123456789abcdef") == ""
}
