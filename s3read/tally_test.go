// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/s3read"
)

func TestTallyCountsAttempts(t *testing.T) {
	s := newScript(t, func(n int, _ url.Values) string {
		if n == 0 {
			return "<broken" // is asked for again
		}
		return pageXML("", versionXML("a", "1"))
	})
	var mine, others s3read.Tally
	r := newReader(t, patient)
	for _, tally := range []*s3read.Tally{&mine, &others} {
		for _, err := range r.Versions(tally.Context(t.Context()), rawAccess(s.URL), "bucket", "", "") {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if list, head, get := mine.Counts(); list != 2 || head+get != 0 {
		t.Errorf("%d, %d and %d requests were counted, want 2 lists", list, head, get)
	}
	if list, _, _ := others.Counts(); list != 1 {
		t.Errorf("the other tally has %d", list)
	}
}

func TestListingTellsOwners(t *testing.T) {
	owned := func(key, owner string) string {
		return strings.Replace(versionXML(key, "1"), "<Size>", "<Owner>"+owner+"</Owner><Size>", 1)
	}
	const long = 257
	s := newScript(t, func(int, url.Values) string {
		return pageXML("", owned("a", "<ID>id-1</ID><DisplayName>Ann &amp; Co</DisplayName>"), owned("b", "<ID>id-1</ID><DisplayName>Ann &amp; Co</DisplayName>"),
			versionXML("c", "1"), owned("d", "<DisplayName>Bo</DisplayName><ID>id-2</ID>"), owned("e", "<ID>"+strings.Repeat("x", long)+"</ID>"), owned("f", "<ID>\xff</ID>"))
	})
	var got []s3read.Owner
	for v, err := range newReader(t, patient).Versions(t.Context(), rawAccess(s.URL), "bucket", "", "") {
		if err != nil || v.Size != 1 {
			t.Fatal(v, err)
		}
		got = append(got, v.Owner)
	}
	ann := s3read.Owner{ID: "id-1", Name: "Ann & Co"}
	if diff := cmp.Diff([]s3read.Owner{ann, ann, {}, {ID: "id-2", Name: "Bo"}, {}, {}}, got); diff != "" {
		t.Error(diff)
	}
}
