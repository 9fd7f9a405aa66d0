// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
)

func TestBadRequests(t *testing.T) {
	im := newImporter(t, &bucket{versions: objects("p/x", "q/y", "x")})
	now := time.Now()
	many := make([]Source, MaxSources+1)
	rows := []struct {
		name    string
		sources []Source
	}{
		{"no sources", nil},
		{"too many", many},
		{"nothing named", []Source{{}}},
		{"both", []Source{{URL: "s3://data/x", Bucket: "data"}}},
		{"other scheme", []Source{{URL: "file:///etc/passwd"}}},
		{"other host", []Source{{URL: "https://169.254.169.254/latest"}}},
		{"bucket is an ARN", []Source{{Bucket: "arn:aws:s3:::b", Key: "x"}}},
		{"fragment", []Source{{URL: "s3://data/x#y"}}},
		{"stray percent", []Source{{URL: "s3://data/100%"}}},
		{"unknown parameter", []Source{{URL: "s3://data/x?acl"}}},
		{"null version", []Source{{URL: "s3://data/x?versionId=null"}}},
		{"empty version", []Source{{URL: "s3://data/x?versionId="}}},
		{"filter on an object", []Source{{URL: "s3://data/x", Include: []string{"*"}}}},
		{"bad glob", []Source{{URL: "s3://data/", Include: []string{"[a"}}}},
		{"too many globs", []Source{{URL: "s3://data/", Include: slices.Repeat([]string{"a"}, 101)}}},
		{"version and time", []Source{{URL: "s3://data/x?versionId=v1", AsOf: &now}}},
		{"path leaves", []Source{{URL: "s3://data/x", Path: "../y"}}},
		{"path of a prefix leaves", []Source{{URL: "s3://data/p/", Path: "a/../y"}}},
		{"name cannot be a path", []Source{{Bucket: "data", Key: "a/.."}}},
		{"two objects, one path", []Source{{URL: "s3://data/x"}, {URL: "s3://data/p/x"}}},
		{"an object below another", []Source{{URL: "s3://data/x", Path: "d"}, {URL: "s3://data/p/x", Path: "d/e"}}},
		{"an object over a folder", []Source{{URL: "s3://data/x", Path: "d/e"}, {URL: "s3://data/p/x", Path: "d"}}},
		{"two prefixes, one folder", []Source{{URL: "s3://data/p/"}, {URL: "s3://data/q/"}}},
		{"a prefix inside another", []Source{{URL: "s3://data/p/", Path: "d"}, {URL: "s3://data/q/", Path: "d/e/f"}}},
		{"a prefix inside a folder whose name ends in a dot", []Source{{URL: "s3://data/p/", Path: "x."}, {URL: "s3://data/q/", Path: "x./y"}}},
		{"a prefix of bytes that no key has", []Source{{Bucket: "data", Key: "\x00/"}}},
		{"a prefix longer than a key", []Source{{Bucket: "data", Key: strings.Repeat("a/", 600)}}},
		{"a long path", []Source{{URL: "s3://data/x", Path: strings.Repeat("a/", 600) + "x"}}},
		{"D: braces that match for ever", []Source{{URL: "s3://data/", Include: []string{strings.Repeat("{a,a}", 200)}}}},
		{"D: nested braces", []Source{{URL: "s3://data/", Exclude: []string{strings.Repeat("{a,{b,c}}", 20)}}}},
		{"D: braces in many patterns", []Source{{URL: "s3://data/", Include: slices.Repeat([]string{"{a,b}{c,d}{e,f}"}, 100)}}},
		{"a prefix inside the root", []Source{{URL: "s3://data/p/"}, {URL: "s3://data/q/", Path: "d"}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			word := "bad-request"
			refused(t, im, "alice", Request{Sources: row.sources}, word)
		})
	}
	refused(t, im, "alice", Request{Sources: []Source{{URL: "s3://data/x"}}, Form: "magic"}, "bad-request")
	good := run(t, im, Request{Sources: []Source{{URL: "s3://data/p/", Path: "d./", Include: []string{"*.{a,b,c}", "{x,y}"}}, {URL: "s3://data/q/", Path: "d/e"}, {URL: "s3://data/x", Path: "g/"}}})
	if len(good.files) != 3 || good.files[2].Path != "g/x" {
		t.Errorf("the positive control gave %+v", good)
	}
}

// TestURLForms: what a person may paste, and what it names.
func TestURLForms(t *testing.T) {
	rows := []struct{ url, key, version string }{
		{"s3://data/a/b.bam", "a/b.bam", ""},
		{"s3://data/a%20b", "a b", ""},
		{"s3://data/a b+c", "a b+c", ""},
		{"s3://data/a%2Fb%3Fc%23", "a/b?c#", ""},
		{"s3://data/x?versionId=v%2F1", "x", "v/1"},
		{"https://data.s3.eu-west-1.amazonaws.com/a/b", "a/b", ""},
		{"https://data.s3.amazonaws.com/a/b", "a/b", ""},
		{"https://s3.eu-west-1.amazonaws.com/data/a/b", "a/b", ""},
		{"s3://data", "", ""},
		{"s3://data/p/", "p/", ""},
	}
	for _, row := range rows {
		got, err := newTarget(Source{URL: row.url})
		want := locator.Object{Bucket: "data", Key: row.key, VersionID: row.version}
		if err != nil || got.object != want {
			t.Errorf("%s: got %+v, %v", row.url, got.object, err)
		}
	}
	literal, err := newTarget(Source{Bucket: "data", Key: "100%?#"})
	if err != nil || literal.object.Key != "100%?#" {
		t.Errorf("a literal key became %q: %v", literal.object.Key, err)
	}
}

// TestPartialFailures: of several sources, the bad ones are told one by one.
func TestPartialFailures(t *testing.T) {
	im := newImporter(t, &bucket{versions: objects("x", "y")})
	got := run(t, im, Request{Sources: []Source{{URL: "s3://data/x"}, {URL: "s3://data/missing"}, {URL: "s3://other/z"}, {URL: "s3://data/none/", Path: "d"}, {URL: "s3://data/y"}}})
	var reasons []string
	for _, s := range got.skipped {
		reasons = append(reasons, s.Reason)
	}
	if len(got.files) != 2 || strings.Join(reasons, " ") != "s3-not-found bucket-not-allowed s3-not-found" || got.done.Status != "partial" {
		t.Errorf("got %+v, reasons %q", got, reasons)
	}
}

func TestForms(t *testing.T) {
	im := newImporter(t, &bucket{versions: objects("x")})
	request := prefix("s3://data/")
	request.Form = "derived"
	derived := run(t, im, request)
	opaque := run(t, im, prefix("s3://data/"))
	if strings.HasPrefix(derived.files[0].Locator, "ffff") || !strings.HasPrefix(opaque.files[0].Locator, "ffffffffffffffffffffffffffffffff+10+B") {
		t.Errorf("derived %s, opaque %s", derived.files[0].Locator, opaque.files[0].Locator)
	}
	if derived.done.PDH != opaque.done.PDH {
		t.Error("the two spellings have different portable data hashes")
	}
	im.PseudoBlocks = nil // a stock API server
	if got := run(t, im, prefix("s3://data/")).files[0].Locator; got[:32] != derived.files[0].Locator[:32] {
		t.Errorf("on a stock cluster the default gave %s", got)
	}
	request.Form = "opaque"
	refused(t, im, "alice", request, "bad-request")
}

// TestDeepPaths is D: a request of the size that is allowed costs little
// memory, however deep its paths are.
func TestDeepPaths(t *testing.T) {
	r := Request{}
	for i := range 900 {
		r.Sources = append(r.Sources, Source{URL: "s3://data/x", Path: fmt.Sprintf("%d/%sx", i, strings.Repeat("a/", 500))})
	}
	im := newImporter(t, &bucket{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := im.newPlan(r); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 150<<20 {
		t.Errorf("checking a request of 1 MiB takes %d bytes", n)
	}
}

// barrier answers only when as many questions are asked as are asked ahead.
type barrier struct {
	*bucket
	asked sync.WaitGroup
}

func (b *barrier) Head(ctx context.Context, a creds.Access, o locator.Object) (s3read.Info, error) {
	b.asked.Done()
	b.asked.Wait()
	return b.bucket.Head(ctx, a, o)
}

// TestLookAhead: single objects are asked about side by side, and told in the
// order of the request.
func TestLookAhead(t *testing.T) {
	b := &barrier{bucket: &bucket{}}
	b.asked.Add(lookAhead)
	var r Request
	for i := range lookAhead {
		key := fmt.Sprintf("k%02d", i)
		b.versions = append(b.versions, object(key))
		r.Sources = append(r.Sources, Source{URL: "s3://data/" + key})
	}
	im := newImporter(t, b.bucket)
	im.Describer = b
	got := run(t, im, r)
	if len(got.files) != lookAhead || !slices.IsSortedFunc(got.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) }) {
		t.Errorf("got %+v", got.files)
	}
}
