// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package role is mode role: sessions of roles that are assumed in the name of
// the caller, and, under mode iam, sessions of the server's own.
//
// It says which roles may be assumed at all, narrows each session to reading
// what the access rule covers, and remembers sessions, so that there is one
// call of the STS for each user, role and life time.
package role
