// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts call this test binary as keepstore.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"keepstore": main})
}

// TestScripts runs testdata/script/*.txtar: the program as its users run it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}
