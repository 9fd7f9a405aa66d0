// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package api is a small client of an Arvados API server, for programs that
// act for one user. It works with a stock API server and with the embedded
// one of keepstore's standalone mode.
//
// [FromEnv] finds the settings where Arvados users have them; [New] makes a
// [Client] from these or others. [Client.Call] sends one request,
// [Client.All] goes through a list of any length.
//
// The client talks https to the one host of its settings, with the system's
// certificate authorities (or those of SSL_CERT_FILE, as any Go program). It
// talks plain http only when the host is written with that scheme, as in
// "http://127.0.0.1:25108": that is for standalone mode on one machine, since
// anyone on the way can read the token. It follows no redirect, uses no proxy
// unless the settings name one, and reads replies only up to a bound. A token never is part of an error.
package api
