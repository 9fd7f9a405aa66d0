// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestFuzzSeeds fails when a fuzz target has no committed corpus.
func TestFuzzSeeds(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	targets := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllSubmatch(text, -1) {
			targets++
			if seeds, _ := filepath.Glob(filepath.Join("testdata/fuzz", string(m[1]), "*")); len(seeds) == 0 {
				t.Errorf("%s has no seeds in testdata/fuzz", m[1])
			}
		}
	}
	if targets == 0 {
		t.Error("found no fuzz targets")
	}
}
