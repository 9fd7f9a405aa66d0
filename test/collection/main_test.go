// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/arvados-s3/keepstore/internal/testenv"
)

// servers are shared by all tests of the package.
var servers testenv.Pool

// number makes the bucket names of different tests differ.
var number atomic.Int64

// binary is the keepstore that is tested.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "keepstore-collection-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "keepstore")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/arvados-s3/keepstore/cmd/keepstore").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building keepstore: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	servers.Stop()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
