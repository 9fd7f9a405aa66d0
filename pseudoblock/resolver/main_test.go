// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver_test

import (
	"os"
	"testing"

	"github.com/arvados-s3/keepstore/internal/testenv"
)

var servers testenv.Pool

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}
