// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/arvados-s3/keepstore/internal/testenv"
)

// servers are shared by all tests of the package.
var servers testenv.Pool

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener")); err != nil {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}
