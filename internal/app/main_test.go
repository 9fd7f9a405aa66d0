// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// servers are shared by all tests of the package, which only add to them.
var servers testenv.Pool

// number makes the bucket names of different tests differ.
var number atomic.Int64

// serveEnv names a configuration file: with it, the test binary is a server.
const serveEnv = "KEEPSTORE_TEST_SERVE"

func TestMain(m *testing.M) {
	if file := os.Getenv(serveEnv); file != "" {
		os.Exit(beServer(file))
	}
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

// beServer serves as a process of its own, and prints its address.
func beServer(file string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := app.Serve(ctx, app.Options{ConfigFile: file, Log: os.Stderr, Ready: func(address string) { fmt.Println(address) }})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
