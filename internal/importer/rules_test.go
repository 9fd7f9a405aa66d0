// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"slices"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// TestSkipReasons has one row for each written rule. "ok" is imported.
func TestSkipReasons(t *testing.T) {
	change := func(v s3read.Version, f func(*s3read.Version)) s3read.Version { f(&v); return v }
	rows := []struct {
		name string
		v    s3read.Version
		want string
	}{
		{"plain", object("p/x"), "ok"},
		{"odd but legal", object("p/ a+b%20?#&\\\"\t\n\u00e9"), "ok"},
		{"decomposed", object("p/e\u0301"), "ok"},
		{"empty object", change(object("p/x"), func(v *s3read.Version) { v.Size = 0 }), "ok"},
		{"archived", change(object("p/x"), func(v *s3read.Version) { v.StorageClass, v.Archived = "GLACIER", true }), "ok"},
		{"largest", change(object("p/x"), func(v *s3read.Version) { v.Size = 1 << 40 }), "ok"},
		{"too large", change(object("p/x"), func(v *s3read.Version) { v.Size = pseudoblock.MaxSize + 1 }), "too-large"},
		{"delete marker", change(object("p/x"), func(v *s3read.Version) { v.DeleteMarker = true }), "deleted"},
		{"placeholder", change(object("p/x/"), func(v *s3read.Version) { v.Size = 0 }), "folder-placeholder"},
		{"placeholder of the prefix", change(object("p/"), func(v *s3read.Version) { v.Size = 0 }), "folder-placeholder"},
		{"bytes in a placeholder", object("p/x/"), "bad-name"},
		{"empty segment", object("p/a//b"), "bad-name"},
		{"empty object with an empty segment", change(object("p//"), func(v *s3read.Version) { v.Size = 0 }), "bad-name"},
		{"leading slash", object("p//x"), "bad-name"},
		{"dot", object("p/./x"), "bad-name"},
		{"dot dot", object("p/../x"), "bad-name"},
		{"only dots", object("p/..."), "ok"},
		{"lost bytes", change(object("p/x"), func(v *s3read.Version) { v.Undecodable = true }), "undecodable-key"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := run(t, newImporter(t, &bucket{versions: []s3read.Version{row.v}}), prefix("s3://data/p/"))
			reason := "ok"
			if len(got.skipped) > 0 {
				reason = got.skipped[0].Reason
			}
			if reason != row.want || len(got.files)+len(got.skipped) != 1 {
				t.Errorf("got %q (%+v), want %q", reason, got, row.want)
			}
			if status := map[bool]string{true: "complete", false: "empty"}[row.want == "ok"]; got.done.Status != status {
				t.Errorf("status %q, want %q", got.done.Status, status)
			}
			beside := run(t, newImporter(t, &bucket{versions: []s3read.Version{row.v, object("p/zzz")}}), prefix("s3://data/p/"))
			complete := row.want == "ok" || row.want == "deleted" || row.want == "folder-placeholder"
			if status := map[bool]string{true: "complete", false: "partial"}[complete]; beside.done.Status != status {
				t.Errorf("beside another object: status %q, want %q", beside.done.Status, status)
			}
		})
	}
}

// TestUnversioned: objects without version are skipped, and an import in which
// all of them are is an error at the end.
func TestUnversioned(t *testing.T) {
	for _, id := range []string{"", "null"} {
		bare := object("a")
		bare.Object.VersionID = id
		mixed := run(t, newImporter(t, &bucket{versions: []s3read.Version{bare, object("b")}}), prefix("s3://data/"))
		if len(mixed.files) != 1 || mixed.done.SkippedBy["unpinned"] != 1 || mixed.done.Status != "partial" {
			t.Errorf("version %q: %+v", id, mixed)
		}
		var out lines
		err := newImporter(t, &bucket{versions: []s3read.Version{bare}}).Run(t.Context(), prefix("s3://data/"), creds.NewSecret("alice"), &out, discard{})
		if wordOf(err) != "unpinned" || out.done != nil || out.failed == nil || out.failed.Error != "unpinned" {
			t.Errorf("version %q: %v, %+v", id, err, out)
		}
	}
}

func TestFileLine(t *testing.T) {
	got := run(t, newImporter(t, &bucket{versions: objects("p/a b/x")}), prefix("s3://data/p/")).files[0]
	l, err := locator.Parse(got.Locator)
	if err != nil {
		t.Fatal(err)
	}
	block, err := pseudoblock.FromLocator(l)
	if err != nil {
		t.Fatal(err)
	}
	want := locator.Object{Bucket: "data", Key: "p/a b/x", VersionID: "v1"}
	if got.Path != "a b/x" || got.URL != want.URL() || block.Extents[0] != (pseudoblock.Extent{Object: want, Size: 10}) || block.Form != pseudoblock.Opaque {
		t.Errorf("got %+v, block %+v", got, block)
	}
	signer, _ := locator.NewSigner([]byte("key"), time.Hour)
	if err := signer.Verify(l, "alice", time.Now()); err != nil {
		t.Errorf("the locator is not signed for the caller: %v", err)
	}
	if signer.Verify(l, "bob", time.Now()) == nil {
		t.Error("the signature holds for another token")
	}
}

func TestSizesTile(t *testing.T) {
	for _, size := range []int64{0, 1, 64<<20 - 1, 64 << 20, 64<<20 + 1, 1<<30 - 1, 1 << 30, 1<<30 + 1, 5 << 40, 50e12} {
		v := object("x")
		v.Size = size
		f := run(t, newImporter(t, &bucket{versions: []s3read.Version{v}}), prefix("s3://data/")).files[0]
		var sum int64
		for _, l := range f.locators {
			if size == 0 {
				if l.Hash() != "d41d8cd98f00b204e9800998ecf8427e" {
					t.Errorf("an empty object became %v", l)
				}
				continue
			}
			if c := l.Refs()[0].C; c != sum {
				t.Fatalf("size %d: a block begins at %d, want %d", size, c, sum)
			}
			sum += l.Size()
		}
		if sum != size {
			t.Errorf("the blocks of %d bytes have %d", size, sum)
		}
	}
}

func TestClashes(t *testing.T) {
	keys := []string{"a", "a!", "a/b", "a/b/c", "a0", "b/c", "b/c/d", "b/c0", "c", "cc/d"}
	got := run(t, newImporter(t, &bucket{versions: objects(keys...)}), prefix("s3://data/"))
	var skipped []string
	for _, s := range got.skipped {
		if s.Reason != "name-clash" {
			t.Errorf("reason %q", s.Reason)
		}
		skipped = append(skipped, s.URL)
	}
	want := []string{"s3://data/a/b?versionId=v1", "s3://data/a/b/c?versionId=v1", "s3://data/b/c/d?versionId=v1"}
	if !slices.Equal(skipped, want) {
		t.Errorf("skipped %q, want %q", skipped, want)
	}
}

func TestFilters(t *testing.T) {
	keys := []string{"a.bam", "a.txt", "sub/b.bam", "sub/deep/c.bam", "sub/deep/c.bam.bai", "tmp/d.bam"}
	rows := []struct {
		include, exclude, want []string
	}{
		{nil, nil, keys},
		{[]string{"*.bam"}, nil, []string{"a.bam", "sub/b.bam", "sub/deep/c.bam", "tmp/d.bam"}},
		{[]string{"**/*.bam"}, []string{"tmp/**"}, []string{"a.bam", "sub/b.bam", "sub/deep/c.bam"}},
		{nil, []string{"sub/**"}, []string{"a.bam", "a.txt", "tmp/d.bam"}},
		{[]string{"sub/*"}, nil, []string{"sub/b.bam"}},
	}
	for _, row := range rows {
		r := Request{Sources: []Source{{URL: "s3://data/", Include: row.include, Exclude: row.exclude}}}
		got := run(t, newImporter(t, &bucket{versions: objects(keys...)}), r)
		var paths []string
		for _, f := range got.files {
			paths = append(paths, f.Path)
		}
		if !slices.Equal(paths, row.want) || got.done.Listed != int64(len(keys)) || got.done.Status != "complete" {
			t.Errorf("include %q exclude %q: got %q, done %+v", row.include, row.exclude, paths, got.done)
		}
	}
}

func TestAsOf(t *testing.T) {
	at := func(key, version string, hours int, latest bool) s3read.Version {
		v := object(key)
		v.Object.VersionID, v.LastModified, v.Latest = version, epoch.Add(time.Duration(hours)*time.Hour), latest
		return v
	}
	gone := at("gone", "marker", 5, true)
	gone.DeleteMarker = true
	versions := []s3read.Version{
		at("changed", "new", 5, true), at("changed", "old", 1, false), at("changed", "older", 0, false),
		gone, at("gone", "kept", 2, false), at("later", "v", 9, true),
	}
	asOf := epoch.Add(3 * time.Hour)
	got := run(t, newImporter(t, &bucket{versions: versions}), Request{Sources: []Source{{URL: "s3://data/", AsOf: &asOf}}})
	var ids []string
	for _, f := range got.files {
		ids = append(ids, f.VersionID)
	}
	if !slices.Equal(ids, []string{"old", "kept"}) {
		t.Errorf("versions %q", ids)
	}
	now := run(t, newImporter(t, &bucket{versions: versions}), prefix("s3://data/"))
	if len(now.files) != 2 || now.files[0].VersionID != "new" || now.done.SkippedBy["deleted"] != 1 {
		t.Errorf("now: %+v", now)
	}
}

func TestWeakPin(t *testing.T) {
	v := object("x")
	v.Object.VersionID, v.ETag = "null", "abc"
	got := run(t, newImporter(t, &bucket{versions: []s3read.Version{v}}), prefix("s3://weak/"))
	if f := got.files[0]; !f.WeakPin || f.URL != "s3://weak/x?etag=abc" || got.done.WeakPins != 1 {
		t.Errorf("got %+v", f)
	}
}

func TestAuthority(t *testing.T) {
	b := &bucket{versions: objects("x", "open/x", "open/closed/y")}
	im := newImporter(t, b)
	refused(t, im, "link", prefix("s3://data/"), "scope-needed")
	refused(t, im, "alice", prefix("s3://other/"), "bucket-not-allowed")
	refused(t, im, "alice", prefix("s3://part/"), "bucket-not-allowed")
	refused(t, im, "alice", prefix("s3://part/open/closed/"), "bucket-not-allowed")
	if b.heads.Load() > 0 {
		t.Error("S3 was asked")
	}
	var viaGroup lines
	if err := im.Run(t.Context(), prefix("s3://data/"), creds.NewSecret("bob"), &viaGroup, discard{}); err != nil || viaGroup.done == nil {
		t.Errorf("a member of the group may not import: %v", err)
	}
	b.versions = append(objects("open/closed/", "open/closed/patient", "open/closed/patient2", "open/x"), b.versions[0])
	b.versions[2].Latest, b.versions[2].DeleteMarker = true, true
	got := run(t, im, prefix("s3://part/open/"))
	if len(got.files) != 1 || len(got.skipped) != 1 || got.done.Skipped != 3 || got.done.SkippedBy["bucket-not-allowed"] != 3 {
		t.Errorf("under another rule: %+v", got)
	}
	if s := got.skipped[0]; s.Reason != "bucket-not-allowed" || s.URL != "s3://part/open/closed/" {
		t.Errorf("the keys under another rule are named: %+v", s)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestNothingThere(t *testing.T) {
	im := newImporter(t, &bucket{versions: objects("p/x")})
	refused(t, im, "alice", prefix("s3://data/q/"), "s3-not-found")
	refused(t, im, "alice", prefix("s3://data/p"), "s3-not-found") // one object, not a prefix
	run(t, im, prefix("s3://data/p/"))
}

// TestReadableFirst: a denied s3:GetObjectVersion is told before a line goes out.
func TestReadableFirst(t *testing.T) {
	b := &bucket{versions: objects("a", "b", "c"), headError: &s3read.Error{Kind: s3read.Denied, Text: "denied"}}
	refused(t, newImporter(t, b), "alice", prefix("s3://data/"), "s3-denied")
	b.headError = nil
	b.heads.Store(0)
	run(t, newImporter(t, b), prefix("s3://data/"))
	if b.heads.Load() != 1 {
		t.Errorf("%d HEAD requests for one prefix, want 1", b.heads.Load())
	}
}
