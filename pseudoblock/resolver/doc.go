// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package resolver is the read path of pseudo-blocks, for any Go server:
//
//	request → locator → authorise → credentials → range read → response
//
// [Resolver.Resolve] does the steps up to credentials and returns a [Grant];
// [Grant.Open] does the read. Everything that can be refused without I/O is
// refused first: a forged or edited locator reaches neither the API server
// nor S3.
//
// The package knows no HTTP. A server takes locator and token out of its
// request, and maps errors by their Word (see docs/errors.md).
package resolver
