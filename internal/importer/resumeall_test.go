// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
)

// hostile is a bucket with something odd in every second key.
func hostile() []string {
	return []string{
		"open/a", "open/a/b", "open/a/b/c", "open/b//c", "open/c/", "open/c/../d", "open/closed/1", "open/closed/2/x", "open/d/e", "open/d/e/f",
		"open/e/line\nfeed", "open/f/\u00a0\u2028", "open/g/x\\040y", "open/h/:0:1:z", "open/i/..x", "open/j/y", "open/k/z",
	}
}

// TestResumeEverywhere: wherever an import of several sources breaks off, also
// in the middle of clashes, hidden and skipped keys, going on gives the same
// hash and counts as not breaking.
func TestResumeEverywhere(t *testing.T) {
	versions := objects(hostile()...)
	versions = append(versions, objects("p/1/x", "p/2/y", "p/3/x", "p/3/x/y", "p/4/z", "single")...)
	versions[9].DeleteMarker, versions[13].Object.VersionID, versions[15].Object.VersionID = true, "a/b=c&d+\n", "null"
	request := Request{Form: "derived", Sources: []Source{{URL: "s3://part/open/", Path: "one"}, {URL: "s3://data/single", Path: "two/s"},
		{URL: "s3://data/missing", Path: "two/m"}, {URL: "s3://data/p/", Path: "three", Exclude: []string{"2/*"}}}}
	want := run(t, ticking(t, &bucket{versions: versions}), request)
	resumed := 0
	for at := 1; at < len(versions); at++ {
		b := &bucket{versions: versions, breakAfter: at}
		im := ticking(t, b)
		var first lines
		if err := im.Run(t.Context(), request, creds.NewSecret("alice"), &first, io.Discard); err == nil {
			t.Fatalf("the import did not break at %d", at)
		}
		b.breakAfter = 0
		again := request
		if first.failed != nil && first.failed.Resume != "" {
			again.Resume = first.failed.Resume
			resumed++
		}
		got := run(t, im, again)
		if diff := cmp.Diff(want.done, got.done); diff != "" {
			t.Errorf("broken at %d: %s", at, diff)
		}
	}
	if resumed < 8 {
		t.Errorf("only %d imports could be resumed", resumed)
	}
}

// ticking is an importer for which a progress line is always due.
func ticking(t *testing.T, b *bucket) *Importer {
	im, now := newImporter(t, b), epoch
	im.Now = func() time.Time { now = now.Add(progressTime * 6 / 10); return now }
	return im
}

// TestLocatorsOfOddVersions: whatever a version id holds, the locator says it
// exactly or the key is skipped.
func TestLocatorsOfOddVersions(t *testing.T) {
	for _, id := range []string{"a/b", "a=b&c", "a+b %41", "line\nfeed", "\x00", "\u00e9", "v2-.", "%2F"} {
		versions := objects("p/x")
		versions[0].Object.VersionID = id
		got := run(t, newImporter(t, &bucket{versions: versions}), prefix("s3://data/p/"))
		if len(got.files) == 0 {
			if len(got.skipped) != 1 {
				t.Errorf("%q is neither imported nor skipped", id)
			}
			continue
		}
		l, err := locator.Parse(got.files[0].Locator)
		if err != nil {
			t.Fatalf("%q: %v", id, err)
		}
		o, err := locator.DecodeObject(l.Refs()[0].B)
		if err != nil || o.VersionID != id {
			t.Errorf("%q came back as %q: %v", id, o.VersionID, err)
		}
	}
}

// TestResumeFromASlowListing: where S3 is so slow that heartbeats come before
// each boundary, there are tokens all the same.
func TestResumeFromASlowListing(t *testing.T) {
	im := newImporter(t, &bucket{versions: tree(300)})
	now := time.Now()
	im.Now = func() time.Time { now = now.Add(3 * progressTime); return now }
	tokens := 0
	for _, p := range run(t, im, prefix("s3://data/p/")).progress {
		if p.Resume != "" {
			tokens++
		}
	}
	if tokens != 48 {
		t.Errorf("there are %d resume tokens between 49 folders", tokens)
	}
}
