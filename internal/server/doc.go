// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package server is the HTTP side of keepstore: all routes, one file per
// operation, and one table that turns errors into statuses (status.go).
//
//	GET, HEAD /<locator>   read a pseudo-block            get.go
//	                       read an ordinary block         ordinary.go
//	PUT /<locator>         store an ordinary block        put.go
//	TOUCH, DELETE /<locator>, PUT /untrash/<hash>
//	                       keep, take away, bring back    collect.go
//	GET /index, /mounts    what is stored here            blocklist.go
//	PUT /pull, /trash      lists of work                  worklist.go
//	POST /s3/import        pin objects and prefixes       import.go
//	GET /s3/browse         one page of folders            browse.go
//	GET /s3/access         the rules that a token may use,
//	                       and what decides about a URL   browse.go
//	GET /_health/ping      is the process well?           health.go
//	GET /metrics           Prometheus text                health.go
//	OPTIONS *              CORS preflight                 cors.go
//
// The package holds no S3 vocabulary and imports nothing of AWS.
package server
