// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// longList is one object many times under long paths: more than the 1 MiB that
// one request may have, so that the last sources come in the second.
func longList(r *rig) []collection.Source {
	var all []collection.Source
	for i := range 1200 {
		all = append(all, collection.Source{URL: r.url("many/x"), Path: fmt.Sprintf("%s%04d", strings.Repeat("long/", 180), i)})
	}
	return all
}

// TestLongListClashes: what is in different requests clashes as in one.
func TestLongListClashes(t *testing.T) {
	r := newRig(t)
	for _, key := range []string{"many/x", "data/a", "data/b", "data/c/d"} {
		r.put(key, []byte(key))
	}
	list, o := longList(r), collection.ImportOptions{DryRun: true}
	for name, more := range map[string]collection.Source{
		"one path twice":        {URL: r.url("data/a"), Path: list[0].Path},
		"a file and a folder":   {URL: r.url("data/a"), Path: "long/long"},
		"a URL that is none":    {URL: "s3://"},
		"a path that is none":   {URL: r.url("data/a"), Path: "a/../b"},
		"a bad expression":      {URL: r.url("data/"), Path: "data", IncludeRegexp: []string{"("}},
		"a filter of an object": {URL: r.url("data/a"), Include: []string{"*"}},
	} {
		result, err := r.admin.New().ImportFromS3(t.Context(), append(list[:len(list):len(list)], more), o)
		if collection.KindOf(err) != "bad-request" || !strings.Contains(err.Error(), "source 1") && !strings.Contains(err.Error(), "of all") {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
	// What a prefix finds gives way to single objects.
	o.DryRun = false
	var skipped []collection.Skipped
	o.Skipped = func(s collection.Skipped) { skipped = append(skipped, s) }
	list = append([]collection.Source{{URL: r.url("data/"), Path: "d"}}, list...)
	list = append(list, collection.Source{URL: r.url("many/x"), Path: "d/b"}, collection.Source{URL: r.url("many/x"), Path: "d/c"},
		collection.Source{URL: r.url("data/none"), Path: "none"})
	c := r.admin.New()
	result, err := c.ImportFromS3(t.Context(), list, o)
	if err != nil || result.Files != 1203 || result.Bytes != int64(1202*len("many/x")+len("data/a")) || result.Skipped != 3 || result.Listed != 1206 ||
		result.SkippedBy["name-clash"] != 2 || result.SkippedBy["s3-not-found"] != 1 || result.Status != "partial" || len(skipped) != 3 {
		t.Fatalf("got %+v, skipped %+v, %v", result, skipped, err)
	}
	if result.Requests.List != 1 || result.Requests.Head < 1203 {
		t.Errorf("the requests are %+v", result.Requests)
	}
	wantBytes(t, c, "d/a", []byte("data/a"))
	wantBytes(t, c, "d/b", []byte("many/x"))
	wantBytes(t, c, "d/c", []byte("many/x"))
}

// TestLongListGoesOn: when S3 fails in the second request, nothing is there,
// and the import goes on without asking again for what the first had.
func TestLongListGoesOn(t *testing.T) {
	r := newRig(t)
	r.put("many/x", []byte("x"))
	r.put("many/last", []byte("last"))
	list := append(longList(r), collection.Source{URL: r.url("many/last"), Path: "last"})
	whole, err := r.admin.New().ImportFromS3(t.Context(), list, collection.ImportOptions{})
	if err != nil || whole.Files != 1201 {
		t.Fatalf("%+v, %v", whole, err)
	}
	r.lab.Set(faultproxy.Rule{Path: regexp.MustCompile("/many/last"), Do: []faultproxy.Action{faultproxy.Answer(http.StatusServiceUnavailable, "")}})
	c := r.admin.New()
	part, err := c.ImportFromS3(t.Context(), list, collection.ImportOptions{})
	if err == nil || part == nil || part.Unfinished == nil || part.Files < 1000 || part.Files > 1200 {
		t.Fatalf("got %+v, %v", part, err)
	}
	if files, _ := c.Size(); files != 0 {
		t.Errorf("half of the import is there: %d files", files)
	}
	r.lab.Set()
	result, err := c.ResumeImport(t.Context(), part.Unfinished)
	if err != nil || result.PDH != whole.PDH || result.Files != 1201 {
		t.Fatalf("got %+v, %v, want %+v", result, err, whole)
	}
	if asked, left := len(r.lab.Log()), 1201-int(part.Files); asked > left+3 { // two are about the bucket
		t.Errorf("S3 was asked %d times for the %d that were left", asked, left)
	}
}
