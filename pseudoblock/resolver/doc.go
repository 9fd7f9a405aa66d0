// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package resolver is the read path of pseudo-blocks, for any Go server:
//
//	request → locator → authorise → credentials → range read → response
//
// [Resolver.Resolve] does the steps up to credentials and returns a [Grant];
// [Grant.Open] does the read. Everything that can be refused without I/O is
// refused first: a forged or edited locator reaches neither the API server
// nor S3. Under the personal modes (token, role) a permission signature adds
// nothing, since S3 decides about each read by the rights of the reader: a live
// token of full scope is asked for in its place.
//
// The package knows no HTTP. A server takes locator and token out of its
// request, and maps errors by their Word (see docs/errors.md).
package resolver
