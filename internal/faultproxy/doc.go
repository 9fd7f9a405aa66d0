// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package faultproxy breaks HTTP on purpose, for tests.
//
// A [Proxy] stands before a real S3 server. Requests pass byte for byte, so
// the signed Host header names the proxy and signatures stay valid; use the
// proxy's URL as the endpoint. Replies are bent by [Action]s chosen by
// [Rule]s, and every request is logged. A [Raw] responder writes literal
// bytes. A [Canary] must never be contacted.
//
// Bodies of requests need a Content-Length, and whole replies pass through its
// memory; put test data to the server directly.
package faultproxy
