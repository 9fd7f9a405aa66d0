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
// common, one object's bytes would be given out for another's. It is for the one
// token of the Client: what was read with it can be read again, also with a
// locator whose signature is missing, and after a right was withdrawn, until it
// is driven out or the Client is closed. A program that serves several people
// needs a Client for each token, and closes those that it has not asked the API
// server about for a minute, which is how long servers remember.
//
// Errors are of type [Error]. Their kind is the word of the server's table
// (docs/errors.md) where the server is one of ours, else one of [Kinds].
package keep
