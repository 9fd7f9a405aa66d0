// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
)

// servers are shared by all tests of the package, which only add to them.
var servers testenv.Pool

// bigObject is the object that most tests read; see newRig.
var (
	bigOnce   sync.Once
	bigObject locator.Object
)

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
