// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package cli has the commands for people who work with collections: import,
// ls, cat, get, put, cp, mv, rm and others. Each reads its flags, calls
// sdk/go/collection and prints.
//
// A command is built by command, which gives its work a session: the client of
// the user's cluster and the ways to print. What people type as COLLECTION/path
// is read by parseTarget. Everything that others could have named is escaped
// before it is printed. Errors leave with an exit code of docs/cli.md.
package cli
