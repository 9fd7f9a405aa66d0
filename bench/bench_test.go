// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	// The bench starts itself again; here that is the test binary.
	if status, ok := helper(context.Background(), os.Args[1:]); ok {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// TestSmoke runs every section with hardly any load. The numbers mean nothing;
// that there are numbers, and that the files can be written, is the test.
func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	err := measureAll(t.Context(), options{command: "smoke", scale: smokeScale(), only: regexp.MustCompile(""), out: dir})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range got.Rows {
		if r.Ours == nil || r.Ours.Median < 0 {
			t.Errorf("%s, %s: nothing was measured", r.Section, r.Name)
		}
		seen[r.Section]++
	}
	for section, least := range map[string]int{"Large reads": 2, "Ranges of 4 KiB": 6, "First byte": 2, "Slow S3": 1, "Import": 15, "Slow clients": 2} {
		if seen[section] < least {
			t.Errorf("%s has %d rows, expected at least %d", section, seen[section], least)
		}
	}
	markdown, err := os.ReadFile(filepath.Join(dir, "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(markdown), os.TempDir()+"/keepstore") {
		t.Error("RESULTS.md names a folder of this machine")
	}
}
