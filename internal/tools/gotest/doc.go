// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// The command gotest runs "go test -json" with its arguments and prints what
// "go test" prints, then one last line with the number of tests and subtests:
//
//	212 passed, 0 failed
//
// It exits with 1 when a test failed, a package did not build, or a test was
// skipped: a skipped test proves nothing, and nobody reads about it.
package main
