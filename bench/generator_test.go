// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestListing walks the generator's listing page by page, as S3 says.
func TestListing(t *testing.T) {
	for _, o := range []generatorOptions{
		{keys: 2500}, {keys: 2500, nested: true}, {keys: 1000}, {keys: 700, old: 3}, {keys: 501, old: 1, nested: true}, {},
	} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			var want []string
			for i := range o.keys {
				for n := range o.old + 1 {
					want = append(want, o.key(i)+" "+versionID(i, n))
				}
			}
			if diff := cmp.Diff(want, list(t, o, url.Values{"versions": {""}})); diff != "" {
				t.Error(diff)
			}
			if !slices.IsSorted(want) {
				t.Error("the keys are not in order")
			}
		})
	}
}

func TestListingOfPrefix(t *testing.T) {
	o := generatorOptions{keys: 20_050, nested: true}
	got := list(t, o, url.Values{"prefix": {"run-00002/"}})
	if len(got) != 50 || got[0] != o.key(20_000)+" "+versionID(20_000, 0) {
		t.Errorf("%d keys from %v, expected 50 from %s", len(got), got[:1], o.key(20_000))
	}
}

// list returns "key version" of all entries.
func list(t *testing.T, o generatorOptions, query url.Values) []string {
	t.Helper()
	var all []string
	for range 100 {
		var page struct {
			Version             []struct{ Key, VersionId string }
			IsTruncated         bool
			NextKeyMarker       string
			NextVersionIdMarker string
		}
		if err := xml.Unmarshal(o.listing(query), &page); err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Version {
			all = append(all, v.Key+" "+v.VersionId)
		}
		if !page.IsTruncated {
			return all
		}
		query.Set("key-marker", page.NextKeyMarker)
		query.Set("version-id-marker", page.NextVersionIdMarker)
	}
	t.Fatal("the listing does not end")
	return nil
}
