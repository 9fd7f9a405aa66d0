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
	got := smoke(t, options{command: "smoke", scale: smokeScale(), nginx: haveNginx(), only: regexp.MustCompile(""), out: dir})
	seen := map[string]int{}
	for _, r := range got.Rows {
		if r.Ours == nil || r.Ours.Median < 0 {
			t.Errorf("%s, %s: nothing was measured", r.Section, r.Name)
		}
		seen[r.Section]++
	}
	for section, least := range map[string]int{"Large reads": 2, "Ranges of 4 KiB": 6, "First byte": 2, "Slow S3": 1, "Ordinary blocks": 14, "Import": 15, "Slow clients": 2, "Go SDK": 3} {
		if seen[section] < least {
			t.Errorf("%s has %d rows, expected at least %d", section, seen[section], least)
		}
	}
	markdown, err := os.ReadFile(filepath.Join(dir, "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(markdown), filepath.Join(os.TempDir(), "keepstore")) {
		t.Error("RESULTS.md names a folder of this machine")
	}
}

// TestSmokeWithoutNginx: the generator takes the place of nginx as the S3
// server, and there is no peer.
func TestSmokeWithoutNginx(t *testing.T) {
	got := smoke(t, options{command: "smoke", scale: smokeScale(), only: regexp.MustCompile("First|Ordinary"), out: t.TempDir()})
	if len(got.Rows) != 2+14 {
		t.Fatalf("there are %d rows, expected 16", len(got.Rows))
	}
	for _, r := range got.Rows {
		if r.Ours == nil || r.Direct == nil || r.Peer != nil {
			t.Errorf("%s: keepstore %v, direct %v, nginx %v; expected the first two only", r.Name, r.Ours, r.Direct, r.Peer)
		}
	}
}

func smoke(t *testing.T, o options) report {
	t.Helper()
	if raceEnabled { // then "go test" has built all packages this way already
		o.build = []string{"-race"}
	}
	if err := measureAll(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(o.out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	return got
}
