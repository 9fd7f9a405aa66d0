// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package testenv starts real S3 servers for tests.
//
// A [Pool] starts each server once for a test package, on free ports of the
// loopback interface, and stops them by process id. Servers are binaries in
// $KEEPSTORE_TEST_BIN, or in the cache folder of the user; "make tools"
// installs them there. A test whose server is missing fails: it never skips.
// Ceph is the exception, since only Debian's packages have it: see
// [WithCephRGW].
package testenv
