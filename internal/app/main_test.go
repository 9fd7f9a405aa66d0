// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"os"
	"sync/atomic"
	"testing"

	"github.com/arvados-s3/keepstore/internal/testenv"
)

// servers are shared by all tests of the package, which only add to them.
var servers testenv.Pool

// number makes the bucket names of different tests differ.
var number atomic.Int64

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}
