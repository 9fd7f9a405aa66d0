// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	apiPath          = "/arvados/v1/"
	discoveryPath    = "/discovery/v1/apis/arvados/v1/rest"
	currentTokenPath = apiPath + "api_client_authorizations/current"
	// maxBody bounds requests, except for those that carry a manifest:
	// maxRequestSize bounds these.
	maxBody = 1 << 20
)

// request is an HTTP request with what was found out about it.
type request struct {
	*http.Request
	caller *caller
	// uuid is what stands for {uuid} in the path of the route.
	uuid  string
	query url.Values
}

// route is one thing to ask for.
type route struct {
	method, path string
	// resource and action name it in the discovery document; empty means it
	// is not part of that.
	resource, action string
	// open routes need no token.
	open   bool
	handle func(*request) (any, error)
}

// maxBody returns the longest body that the route takes.
func (r *route) maxBody() int64 {
	if strings.HasPrefix(r.path, apiPath+"collections") {
		return maxRequestSize
	}
	return maxBody
}

// newRoutes lists all routes. A literal path comes before one with {uuid}.
func (s *Server) newRoutes() []route {
	routes := []route{
		{method: "GET", path: "/_health/ping", open: true, handle: ping},
		{method: "GET", path: discoveryPath, open: true, handle: s.getDiscovery},
		{"GET", apiPath + "config", "configs", "get", true, s.getConfig},
		{"GET", apiPath + "keep_services/accessible", "keep_services", "accessible", true, s.accessibleKeepServices},
		{"GET", apiPath + "users/current", "users", "current", false, s.currentUser},
		{"GET", currentTokenPath, "api_client_authorizations", "current", false, s.currentToken},
		{"GET", apiPath + "api_client_authorizations", "api_client_authorizations", "list", false, s.lister(s.resources.tokens)},
		{"GET", apiPath + "api_client_authorizations/{uuid}", "api_client_authorizations", "get", false, s.getter(s.resources.tokens)},
		{"POST", apiPath + "api_client_authorizations", "api_client_authorizations", "create", false, s.createToken},
		{"DELETE", apiPath + "api_client_authorizations/{uuid}", "api_client_authorizations", "delete", false, s.deleteToken},
	}
	routes = append(routes, s.changeRoutes()...)
	routes = append(routes, s.credentialRoutes()...)
	r := s.resources
	for _, res := range []*resource{r.users, r.groups, r.links, r.keepServices} {
		open := res == r.keepServices
		routes = append(routes,
			route{"GET", apiPath + res.name, res.name, "list", open, s.lister(res)},
			route{"GET", apiPath + res.name + "/{uuid}", res.name, "get", open, s.getter(res)})
	}
	return routes
}

// changeRoutes lists the routes of collections and those that change other
// things.
func (s *Server) changeRoutes() []route {
	const one = "/{uuid}"
	collections, groups, links := apiPath+"collections", apiPath+"groups", apiPath+"links"
	return []route{
		{"GET", collections, "collections", "list", false, s.lister(s.resources.collections)},
		{"POST", collections, "collections", "create", false, s.createCollection},
		{"GET", collections + one, "collections", "get", false, s.getCollection},
		{"PUT", collections + one, "collections", "update", false, s.updateCollection},
		{method: "PATCH", path: collections + one, handle: s.updateCollection},
		{"DELETE", collections + one, "collections", "delete", false, s.trashCollection},
		{"POST", collections + one + "/trash", "collections", "trash", false, s.trashCollection},
		{"POST", collections + one + "/untrash", "collections", "untrash", false, s.untrashCollection},
		{"POST", apiPath + "users", "users", "create", false, s.createUser},
		{"POST", groups, "groups", "create", false, s.createGroup},
		{"PUT", groups + one, "groups", "update", false, s.updateGroup},
		{method: "PATCH", path: groups + one, handle: s.updateGroup},
		{"DELETE", groups + one, "groups", "delete", false, s.deleteGroup},
		{"GET", groups + "/shared", "groups", "shared", false, s.sharedGroups},
		{"GET", apiPath + "permissions/{uuid}", "links", "get_permissions", false, s.getPermissions},
		{"POST", links, "links", "create", false, s.createLink},
		{"PUT", links + one, "links", "update", false, s.updateLink},
		{method: "PATCH", path: links + one, handle: s.updateLink},
		{"DELETE", links + one, "links", "delete", false, s.deleteLink},
	}
}

func (s *Server) credentialRoutes() []route {
	const all, one = apiPath + "credentials", apiPath + "credentials/{uuid}"
	return []route{
		{"GET", all, "credentials", "list", false, s.lister(s.resources.credentials)},
		{"POST", all, "credentials", "create", false, s.createCredential},
		{"GET", one, "credentials", "get", false, s.getCredential},
		{"PUT", one, "credentials", "update", false, s.updateCredential},
		{method: "PATCH", path: one, handle: s.updateCredential},
		{"DELETE", one, "credentials", "delete", false, s.deleteCredential},
		{"GET", one + "/secret", "credentials", "secret", false, s.getSecret},
	}
}

func (s *Server) lister(res *resource) func(*request) (any, error) {
	return func(r *request) (any, error) { return s.list(r, res, clause{sql: "1"}) }
}

func (s *Server) getter(res *resource) func(*request) (any, error) {
	return func(r *request) (any, error) { return s.one(r.Context(), s.db, res, r.caller, r.uuid) }
}

func ping(*request) (any, error) { return object{"health": "OK"}, nil }

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	allowOrigins(w.Header())
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusOK)
		return
	}
	reply, err := s.answer(w, r)
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	s.writeJSON(w, http.StatusOK, reply)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	body := r.Body
	r.Body = http.MaxBytesReader(w, body, maxBody)
	req := &request{Request: r, caller: &caller{}, query: r.URL.Query()}
	if err := req.override(); err != nil {
		return nil, err
	}
	found := s.find(req)
	if found == nil {
		return nil, fail(NotFound, "Path not found")
	}
	if !found.open {
		if err := s.admit(req); err != nil {
			return nil, err
		}
	}
	leave, err := s.enter(w, r)
	if err != nil {
		return nil, err
	}
	defer leave()
	r.Body = http.MaxBytesReader(w, body, found.maxBody())
	return found.handle(req)
}

// admit finds the caller and checks the token's scopes.
func (s *Server) admit(r *request) (err error) {
	if r.caller, err = s.authenticate(r.Request); err != nil {
		return err
	}
	if !r.caller.allows(r.Method, r.URL.Path) {
		return fail(Forbidden, "the scopes of this token do not allow %s %s", r.Method, clip(r.URL.Path))
	}
	return nil
}

// find returns the route of the request, or nil.
func (s *Server) find(r *request) *route {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for i := range s.routes {
		route := &s.routes[i]
		if route.method != method {
			continue
		}
		if uuid, ok := route.match(r.URL.Path); ok {
			r.uuid = uuid
			return route
		}
	}
	return nil
}

// match compares a path with that of the route, and returns what stands for
// {uuid} in it.
func (r *route) match(path string) (uuid string, ok bool) {
	prefix, suffix, takesUUID := strings.Cut(r.path, "{uuid}")
	if !takesUUID {
		return "", path == prefix
	}
	rest, ok := strings.CutPrefix(path, prefix)
	if ok {
		uuid, ok = strings.CutSuffix(rest, suffix)
	}
	return uuid, ok && uuid != "" && !strings.Contains(uuid, "/")
}

// override turns a POST that carries a long query in its body into the GET
// that it stands for, as Google's client library and Workbench send it.
func (r *request) override() error {
	if r.Method != http.MethodPost || r.Header.Get("X-Http-Method-Override") != http.MethodGet {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return bodyError(err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return invalid("the body must be a form when X-Http-Method-Override is GET")
	}
	for name, values := range form {
		r.query[name] = append(r.query[name], values...)
	}
	r.Method = http.MethodGet
	return nil
}
