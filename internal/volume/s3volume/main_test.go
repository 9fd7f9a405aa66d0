// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume_test

import (
	"fmt"
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
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
