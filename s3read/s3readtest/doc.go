// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package s3readtest is the conformance suite of package s3read: what it must
// do on every S3 server, however the server differs from AWS.
//
// [Run] takes a [Harness], which is a running server with two buckets, and
// runs all rows against it. Where a server is known to differ, the harness
// says so in its [Quirks], and the row asserts the difference: when the
// server changes, the row fails and the quirk goes.
//
// # To add a row
//
// Write a method of suite in the file of its subject (reads.go, refusals.go,
// keys.go, listings.go) and add it to the table in run.go. A row stores what
// it needs under keys of its own, with s.put, and reads it with s.read or
// s.fails. Give each refusal a positive control in the same row: the same
// read with the one wrong thing put right. If a server cannot do what the row
// needs, add a field to Quirks that says what the server does instead, and
// assert that; never skip.
//
// # To add a server
//
// Start it in package internal/testenv and add it to the rows of
// conformance_test.go of package s3read.
package s3readtest
