// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	got := spreadOf([]float64{4, 1, 3, 2})
	want := &spread{Median: 2.5, Min: 1, Max: 4, Samples: []float64{4, 1, 3, 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if spreadOf(nil) != nil {
		t.Error("no samples have a spread")
	}
}

func TestPercentile(t *testing.T) {
	sorted := []float64{0, 10, 20, 30, 40}
	for p, want := range map[float64]float64{0: 0, 0.5: 20, 0.99: 39.6, 1: 40} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("percentile %v is %v, expected %v", p, got, want)
		}
	}
}

// TestJudge: the ratio is taken round by round, and its median is judged.
func TestJudge(t *testing.T) {
	r := row{Ours: spreadOf([]float64{1, 2, 30})}.against([]float64{2, 2, 10}, nil).atMost(1, "≤ 1")
	if diff := cmp.Diff([]float64{0.5, 1, 3}, r.Judged.Samples); diff != "" {
		t.Error(diff)
	}
	if r.Met == nil || !*r.Met {
		t.Error("a median of 1 is not at most 1")
	}
	if r = r.atLeast(1.5, "≥ 1.5"); *r.Met {
		t.Error("a median of 1 is at least 1.5")
	}
	if r = (row{Ours: spreadOf([]float64{1})}).against(nil, nil).atMost(2, "≤ 2"); r.Met != nil {
		t.Error("a row without a peer was judged")
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.0123: "0.012", 1.234: "1.23", 45.67: "45.7", 999.4: "999", 1234: "1,234", 80_000: "80,000", 1_000_000: "1,000,000", 10_002_003: "10,002,003",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, expected %s", v, got, want)
		}
	}
}

func TestOthers(t *testing.T) {
	from, to := busy{all: 100, ours: 10, most: 1000}, busy{all: 130, ours: 30, most: 1100}
	if got := others(from, to); got != 10 {
		t.Errorf("others used %v %%, expected 10: 30 s of 100 s were used, 20 s of them by the bench", got)
	}
}

// TestKeep: a run of some sections leaves the others as they were.
func TestKeep(t *testing.T) {
	old := report{Sections: map[string]circumstances{"Import": {Date: "old"}, "First byte": {Date: "old"}},
		Rows: []row{{Section: "First byte", Name: "old"}, {Section: "Import", Name: "old"}}}
	now := report{Sections: map[string]circumstances{"Import": {Date: "new"}}, Rows: []row{{Section: "Import", Name: "new"}}}
	now.keep(old)
	want := []row{{Section: "First byte", Name: "old"}, {Section: "Import", Name: "new"}}
	if diff := cmp.Diff(want, now.Rows); diff != "" {
		t.Error(diff)
	}
	if now.Sections["First byte"].Date != "old" || now.Sections["Import"].Date != "new" {
		t.Errorf("the sections are %v", now.Sections)
	}
	other := report{Machine: machine{Cores: 99}, Sections: map[string]circumstances{}}
	other.keep(old)
	if len(other.Rows) > 0 {
		t.Error("rows of another machine were kept")
	}
}
