// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package arvados asks an Arvados API server who is behind a token, and which
// credential records the token can use.
//
// What the API server said is remembered for at most [Fresh], counted from
// the moment the question was sent and never prolonged by traffic, so that a
// token that is revoked stops working in that time. A refusal is remembered
// for at most [FreshRefusal]; an API server that is down, slow or talks
// nonsense is not remembered at all. A token that expires is refused from
// that second on, remembered or not. Answers about credential records are
// not remembered here; package records does that.
//
// Many callers with one token share one question. It runs apart from each of
// them: a caller that leaves neither stops it nor is kept by it.
//
// The package sends nothing but GET requests to the one configured address.
// It follows no redirect, takes no proxy from the environment and reads at
// most 1 MiB of a reply. Tokens are never part of an error.
package arvados
