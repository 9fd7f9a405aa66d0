// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver_test

import (
	"os"
	"sync/atomic"
	"testing"

	"github.com/arvados-s3/keepstore/internal/testenv"
)

var servers testenv.Pool

// number makes the bucket names of different tests differ.
var number atomic.Int64

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}
