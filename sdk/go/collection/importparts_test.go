// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCutSources(t *testing.T) {
	list := func(n, bytes int) (all []Source) {
		for i := range n {
			all = append(all, Source{URL: fmt.Sprint("s3://b/", i), Path: strings.Repeat("x", bytes)})
		}
		return all
	}
	for name, c := range map[string]struct {
		all  []Source
		want []int
	}{
		"none":                     {nil, []int{0}},
		"one":                      {list(1, 0), []int{1}},
		"as many as may be":        {list(10000, 0), []int{10000}},
		"one more: no part of one": {list(10001, 0), []int{9999, 2}},
		"two more":                 {list(10002, 0), []int{10000, 2}},
		"many":                     {list(25000, 0), []int{10000, 10000, 5000}},
		"long ones":                {list(2000, 900), []int{1055, 945}},
		"one that is too long":     {append(list(5, 0), list(1, 2<<20)...), []int{4, 2}},
	} {
		parts := cutSources(c.all)
		var sizes []int
		for _, part := range parts {
			sizes = append(sizes, len(part))
			if body, _ := json.Marshal(importRequest{Sources: part}); len(body) > 1<<20-60<<10 && name != "one that is too long" {
				t.Errorf("%s: a part has %d bytes", name, len(body))
			}
		}
		if whole := slices.Concat(parts...); len(whole) != len(c.all) || !slices.Equal(sizes, c.want) ||
			!slices.EqualFunc(whole, c.all, func(a, b Source) bool { return a.URL == b.URL }) {
			t.Errorf("%s: cut into %v, want %v", name, sizes, c.want)
		}
	}
}

// TestSameFiltersAreOneRecord: an import with other filters is another one.
func TestSameFiltersAreOneRecord(t *testing.T) {
	one := Source{URL: "s3://b/p/", IncludeRegexp: []string{"a"}}
	other := one
	other.IncludeRegexp, other.ExcludeRegexp = nil, []string{"a"}
	records := mergeSources([]SourceRecord{{Source: one, Files: 1}}, []SourceRecord{{Source: other}, {Source: one, Files: 2}})
	if len(records) != 2 || records[1].Files != 2 || !records[0].filtered() || (Source{URL: "s3://b/p/"}).filtered() {
		t.Errorf("got %+v", records)
	}
}
