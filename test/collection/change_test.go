// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestDiffAndRefresh: three new objects, two changed, one deleted among forty
// are just these six, and a refresh takes them in.
func TestDiffAndRefresh(t *testing.T) {
	r := newRig(t)
	for i := range 40 {
		r.put(fmt.Sprintf("d/sub%d/%02d", i%3, i), bytesOf(byte(i), 100+i))
	}
	c, _ := r.imported(r.admin, "d/")
	if err := c.WriteFile(t.Context(), "notes.txt", []byte("by hand")); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "refreshed"}); err != nil {
		t.Fatal(err)
	}
	old, before := c.Record(), time.Now()
	oldText, err := c.ManifestText()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := c.Diff(t.Context(), collection.DiffOptions{}); err != nil || len(d.Changes) != 0 || d.Unchanged != 40 {
		t.Fatalf("without a change the diff is %+v, %v", d, err)
	}
	if err := c.Rename("sub1/01", "renamed"); err != nil {
		t.Fatal(err)
	}
	changed := bytesOf(99, 77)
	for _, key := range []string{"d/new1", "d/sub0/new2", "d/z/new3", "d/sub1/01", "d/sub2/02"} {
		time.Sleep(time.Millisecond) // as_of below must not see these
		r.put(key, changed)
	}
	r.remove("d/sub0/03", "")

	d, err := c.Diff(t.Context(), collection.DiffOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, change := range d.Changes {
		got = append(got, fmt.Sprintf("%s %s %t %t", change.Kind, change.Path, change.Old.VersionID != "", change.New.VersionID != ""))
	}
	want := []string{"added new1 false true", "added sub0/new2 false true", "added z/new3 false true", "deleted sub0/03 true false",
		"updated renamed true true", "updated sub2/02 true true"}
	if !slices.Equal(got, want) || d.Unchanged != 37 {
		t.Errorf("got %q and %d unchanged", got, d.Unchanged)
	}
	if dry, err := c.Refresh(t.Context(), collection.RefreshOptions{Mode: collection.Mirror, DryRun: true}); err != nil || len(dry.Changes) != 6 {
		t.Errorf("the dry run gave %+v, %v", dry, err)
	}
	if _, err := c.Stat("new1"); err == nil {
		t.Error("the dry run changed the collection")
	}
	if _, err := c.Refresh(t.Context(), collection.RefreshOptions{}); err == nil {
		t.Error("a refresh without a mode was made")
	}
	r.refresh(c, changed, old, oldText)
	r.asOf(c, before)
}

func (r *rig) refresh(c *collection.Collection, changed []byte, old collection.Record, oldText string) {
	t := r.t
	if _, err := c.Refresh(t.Context(), collection.RefreshOptions{Mode: collection.Append}); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, c, "sub0/03", bytesOf(3, 103)) // deleted in S3, and kept
	if _, err := c.Refresh(t.Context(), collection.RefreshOptions{Mode: collection.Mirror}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Stat("sub0/03"); err == nil {
		t.Error("a mirror kept a file whose object was deleted")
	}
	if err := c.Save(t.Context(), collection.SaveOptions{KeepVersion: true}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"new1", "sub0/new2", "z/new3", "renamed", "sub2/02"} {
		wantBytes(t, c, name, changed)
	}
	wantBytes(t, c, "notes.txt", []byte("by hand"))
	text, err := c.ManifestText()
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for token := range strings.FieldsSeq(oldText) {
		if strings.Contains(token, "+B") && strings.Contains(text, token[:strings.Index(token, "+A")]) {
			kept++
		}
	}
	if kept != 37 {
		t.Errorf("%d of the locators stayed, not 37", kept)
	}
	loaded, err := r.admin.Load(t.Context(), old.PDH)
	if err != nil {
		t.Fatalf("the content of before cannot be loaded: %v", err)
	}
	wantBytes(t, loaded, "sub0/03", bytesOf(3, 103))
}

// asOf: at the time of the first import nothing was different.
func (r *rig) asOf(c *collection.Collection, before time.Time) {
	r.t.Helper()
	d, err := c.Diff(r.t.Context(), collection.DiffOptions{AsOf: &before})
	if err != nil {
		r.t.Fatal(err)
	}
	if d.Count(collection.Added) != 1 || d.Count(collection.Updated) != 2 || d.Count(collection.Deleted) != 3 {
		r.t.Errorf("compared with the past: %d added, %d updated, %d deleted", d.Count(collection.Added), d.Count(collection.Updated), d.Count(collection.Deleted))
	}
}

// TestDiffWithFilters: what the filters of an import leave out is neither new
// nor deleted.
func TestDiffWithFilters(t *testing.T) {
	t.Run("glob", func(t *testing.T) {
		diffWithFilters(t, collection.Source{Path: "bams", Include: []string{"**/*.bam"}}, collection.Source{Exclude: []string{"*.bam"}})
	})
	t.Run("regexp", func(t *testing.T) {
		diffWithFilters(t, collection.Source{Path: "bams", IncludeRegexp: []string{`\.bam$`}}, collection.Source{ExcludeRegexp: []string{`\.bam$`}})
	})
}

func diffWithFilters(t *testing.T, bams, texts collection.Source) {
	r := newRig(t)
	bams.URL, texts.URL = r.url("f/"), r.url("f/")
	for _, key := range []string{"f/a.bam", "f/a.txt", "f/sub/b.bam", "f/sub/b.txt"} {
		r.put(key, []byte(key))
	}
	c := r.admin.New()
	if _, err := c.ImportFromS3(t.Context(), []collection.Source{bams}, collection.ImportOptions{Into: "top"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ImportFromS3(t.Context(), []collection.Source{texts}, collection.ImportOptions{Into: "texts"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, c, "top/bams/sub/b.bam", []byte("f/sub/b.bam"))
	wantBytes(t, c, "texts/a.txt", []byte("f/a.txt"))
	if d, err := c.Diff(t.Context(), collection.DiffOptions{}); err != nil || len(d.Changes) != 0 || d.Unchanged != 4 {
		t.Errorf("the diff is %+v, %v", d, err)
	}
	r.put("f/sub/c.bam", []byte("new"))
	r.put("f/sub/", nil) // what some tools make of a folder
	r.remove("f/a.txt", "")
	r.remove("f/sub/b.bam", "")
	d, err := c.Diff(t.Context(), collection.DiffOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := changes(d); got != "added top/bams/sub/c.bam, deleted texts/a.txt, deleted top/bams/sub/b.bam" || d.NotJudged != 0 {
		t.Errorf("the diff is %s, and %d are not judged", got, d.NotJudged)
	}
}

func changes(d *collection.Diff) string {
	var all []string
	for _, c := range d.Changes {
		all = append(all, string(c.Kind)+" "+c.Path)
	}
	return strings.Join(all, ", ")
}

// TestDiffOfSingleObjects: many single objects are asked for at once, also
// where they would have one path.
func TestDiffOfSingleObjects(t *testing.T) {
	r := newRig(t)
	var sources []collection.Source
	first := r.put("s/0/x", []byte("pinned"))
	for i := range 5 {
		r.put(fmt.Sprintf("s/%d/x", i), []byte{byte(i)})
		sources = append(sources, collection.Source{URL: r.url(fmt.Sprintf("s/%d/x", i)), Path: fmt.Sprintf("%d/", i)})
	}
	sources[0].URL += "?versionId=" + first
	sources[4] = collection.Source{Bucket: r.bucket, Key: "s/4/x", Path: "renamed"}
	proxy := faultproxy.New(t, r.keepURL)
	c := r.through(proxy.URL()).New()
	for _, some := range [][]collection.Source{sources[:3], sources[3:]} {
		if _, err := c.ImportFromS3(t.Context(), some, collection.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	r.put("s/1/x", []byte("newer"))
	r.remove("s/2/x", "")
	r.remove("s/4/x", "")
	proxy.Set()
	d, err := c.Refresh(t.Context(), collection.RefreshOptions{Mode: collection.Mirror})
	if err != nil {
		t.Fatal(err)
	}
	if got := changes(d); got != "deleted 2/x, deleted renamed, updated 1/x" || d.Unchanged != 2 || len(proxy.Log()) != 1 {
		t.Errorf("the diff is %s, %d unchanged, %d requests", got, d.Unchanged, len(proxy.Log()))
	}
	wantBytes(t, c, "0/x", []byte("pinned"))
	wantBytes(t, c, "1/x", []byte("newer"))
}

// TestWhereUsed: collections are found by prefix, object and version, also
// after their files were renamed and copied.
func TestWhereUsed(t *testing.T) {
	r := newRig(t)
	v1 := r.put("w/a/x", []byte("first"))
	r.put("w/b/y", []byte("other"))
	one, _ := r.imported(r.admin, "w/a/")
	two := r.admin.New()
	if err := two.Copy("renamed", one, "x"); err != nil {
		t.Fatal(err)
	}
	v2 := r.put("w/a/x", []byte("second"))
	three, _ := r.imported(r.admin, "w/")
	none := r.admin.New()
	if err := none.WriteFile(t.Context(), "f", []byte("f")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*collection.Collection{"one": one, "two": two, "three": three, "none": none} {
		if err := c.Save(t.Context(), collection.SaveOptions{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	for url, want := range map[string]string{
		r.url(""):                           "one two three",
		r.url("w/"):                         "one two three",
		r.url("w/b/"):                       "three",
		r.url("w/a/x"):                      "one two three",
		r.url("w/a/x?versionId=" + v1):      "one two",
		r.url("w/a/x") + "?versionId=" + v2: "three",
		r.url("w/a"):                        "",
		"s3://another-bucket/w/":            "",
	} {
		var names []string
		for use, err := range r.admin.WhereUsed(t.Context(), url) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, use.Name)
			if use.Files == 0 || use.Bytes == 0 || use.Objects == 0 {
				t.Errorf("%s: %+v", url, use)
			}
		}
		slices.Sort(names)
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		if !slices.Equal(names, wanted) {
			t.Errorf("%s is used in %q, want %q", url, names, wanted)
		}
	}
	for prefix, want := range map[string]int{r.url(""): 3, r.url("w/a/"): 3, r.url("w/b/"): 1, r.url("w/c/"): 0} {
		var reply struct {
			Available int `json:"items_available"`
		}
		filter := [][]any{{"properties." + collection.PrefixesProperty, "contains", prefix}}
		r.call("GET", "collections", api.Params{"filters": filter}, &reply)
		if reply.Available != want {
			t.Errorf("the filter for %s finds %d collections, want %d", prefix, reply.Available, want)
		}
	}
	if uses := three.Objects(); len(uses) != 2 || uses[0].Object.VersionID != v2 || uses[0].Bytes != 6 {
		t.Errorf("the objects of the third are %+v", uses)
	}
}
