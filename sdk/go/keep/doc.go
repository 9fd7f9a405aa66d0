// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package keep reads and stores blocks at the Keep services of a cluster, for
// programs that act for one user. It knows ordinary blocks and pseudo-blocks.
//
// A [Client] finds the services through the API server and asks them in the
// order that all Keep clients use (rendezvous hashing), with the identity of
// a block where stock clients have its hash; a +K@ hint comes first. A read
// that breaks off goes on at the next service, at the byte where it stopped.
//
// Ordinary blocks and blocks of content form are fetched whole, and not one
// byte is given out before their MD5 is right. Of other pseudo-blocks only the
// range that was asked for is fetched, and nothing else: their bytes are
// pinned by the version in the locator, which the server checks.
//
// What was read stays in a cache in memory that all readers of a Client share.
// It is keyed by identity: under the hash, which all opaque blocks have in
// common, one object's bytes would be given out for another's.
//
// Errors are of type [Error]. Their kind is the word of the server's table
// (docs/errors.md) where the server is one of ours, else one of [Kinds].
package keep
