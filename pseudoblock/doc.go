// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package pseudoblock says what a pseudo-block is: a byte range of one pinned
// version of an S3 object that stands where a Keep block stands.
//
// An [Extent] is the range itself. A [Block] is what a locator names: one
// extent, or, in content form, several that hold the same bytes. The same
// extent can be written in three forms:
//
//	opaque   ffff…+size+B…+C…         the hash is 32 times "f"
//	derived  <identity>+size+B…+C…    the hash is the identity hash
//	content  <md5>+size+B…+C…+Vmd5    the hash is the MD5 of the bytes
//
// The invariant that every implementer must keep: wherever stock Arvados uses
// a block's hash (signature, cache key, probe order, portable data hash,
// equality), use [locator.Locator.Identity]. Opaque and derived spellings of
// one extent then are one block, and two extents never are.
//
// The package does no I/O.
package pseudoblock
