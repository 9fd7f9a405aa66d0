// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package apiserver is a small Arvados API server for one machine: for
// standalone mode, the demo and tests. Production uses Arvados itself.
//
// It keeps users, tokens, groups, links, collections and credentials in one
// SQLite file of its data folder, and the signing key and system root token
// beside it, and speaks the subset of the Arvados API that the SDKs and
// keepstore need. What it does not know it refuses with a sentence; it never
// guesses.
//
// A request passes these files: routes.go finds the route, auth.go the caller
// and whether the token's scopes allow it, the file named after the resource
// does the work, and reply.go writes the answer in Arvados' shape. Adding a
// resource means: a table in schema.go, a file with its [resource] and its
// own verbs, and its lines in routes.go; listing, filters and the discovery
// document follow from these.
//
// Who may see and change what is decided in permission.go, for all resources.
// manifest.go is where a manifest comes in and goes out: it checks the
// signatures of what is stored, and signs what is shown.
package apiserver
