// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// objects of the tests, by key below "data/".
func objects() map[string][]byte {
	return map[string][]byte{
		"a.bin":                   bytesOf(1, 100_000),
		"b c.txt":                 []byte("with a space\n"),
		"empty":                   {},
		"sub/co:lon\\back":        bytesOf(2, 4096),
		"sub/deep/caf\u00e9?#%2F": bytesOf(3, 70_000),
		"sub/x+y&z=1":             bytesOf(4, 9),
		"sub.txt":                 []byte("between sub and sub/"),
	}
}

func (r *rig) fill() map[string][]byte {
	r.t.Helper()
	all := objects()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		r.put("data/"+key, all[key])
	}
	return all
}

// TestMixedCollection goes from an import over written files and a saved
// collection to another user who reads it by its portable data hash.
func TestMixedCollection(t *testing.T) {
	r := newRig(t)
	all := r.fill()
	c, result := r.imported(r.admin, "data/")
	if result.Files != int64(len(all)) || result.Status != "complete" || result.Classes["STANDARD"] != result.Files {
		t.Errorf("the import gave %+v", result)
	}
	if pdh, err := c.PDH(); err != nil || pdh != result.PDH {
		t.Errorf("the collection has the hash %s, the import said %s, %v", pdh, result.PDH, err)
	}
	again, _ := r.imported(r.admin, "data/")
	if a, _ := again.PDH(); a != result.PDH {
		t.Errorf("a second import has the hash %s, the first %s", a, result.PDH)
	}
	all["notes/README"] = []byte("written by hand\n")
	all["notes/large"] = bytesOf(9, 70<<20)
	for _, name := range []string{"notes/README", "notes/large"} {
		if err := c.WriteFile(t.Context(), name, all[name]); err != nil {
			t.Fatal(err)
		}
	}
	wantBytes(t, c, "notes/README", all["notes/README"]) // not stored yet
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "mixed"}); err != nil {
		t.Fatalf("%v\n%s", err, r.tail())
	}
	uuid, bob := r.newUser("bob")
	if _, err := bob.Load(t.Context(), c.Record().PDH); err == nil {
		t.Error("bob sees what was not shared")
	}
	r.share(c.Record().UUID, uuid)
	for _, id := range []string{c.Record().UUID, c.Record().PDH} {
		loaded, err := bob.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range all {
			wantBytes(t, loaded, name, data)
		}
	}
}

// TestFS: a collection is what package io/fs wants of a file system. The
// files are small, as every byte is read several times by itself, and no name
// has a backslash, which the test of the standard library forbids.
func TestFS(t *testing.T) {
	r := newRig(t)
	for _, key := range []string{"a", "b c", "empty", "sub/deep/caf\u00e9:?", "sub/x"} {
		r.put("fs/"+key, bytesOf(7, 600*(len(key)-1)%3000))
	}
	c, _ := r.imported(r.admin, "fs/")
	if err := c.WriteFile(t.Context(), "sub/written", []byte("by hand")); err != nil {
		t.Fatal(err)
	}
	if err := c.Mkdir("nothing/in/it"); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "fs"}); err != nil {
		t.Fatal(err)
	}
	loaded, err := r.admin.Load(t.Context(), c.Record().PDH)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(loaded, "a", "b c", "empty", "sub/deep/caf\u00e9:?", "sub/x", "sub/written", "nothing/in/it"); err != nil {
		t.Error(err)
	}
}

// TestPinned: overwritten and deleted objects keep their bytes, and what is
// really gone is told with file, URL and version.
func TestPinned(t *testing.T) {
	r := newRig(t)
	first := bytesOf(1, 1000)
	version := r.put("p/a", first)
	r.put("p/b", bytesOf(2, 1000))
	c, _ := r.imported(r.admin, "p/")
	r.put("p/a", bytesOf(3, 1000))
	wantBytes(t, c, "a", first)
	r.remove("p/a", "")
	wantBytes(t, c, "a", first)
	if report, err := c.Check(t.Context(), collection.CheckOptions{}); err != nil || !report.Good() || report.Counts[collection.OK] != 2 {
		t.Errorf("the check of a sound collection gave %+v, %v", report, err)
	}

	r.remove("p/a", version)
	fresh, _ := r.imported(r.through(r.keepURL), "p/")
	if _, err := fresh.Stat("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a fresh import has the deleted object: %v", err)
	}
	uncached := r.through(r.keepURL)
	text, err := c.ManifestText()
	if err != nil {
		t.Fatal(err)
	}
	late, err := uncached.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	_, err = late.ReadFile("a")
	var path *fs.PathError
	var known *collection.Error
	if !errors.As(err, &path) || !errors.As(err, &known) {
		t.Fatalf("reading what is gone gave %v", err)
	}
	if known.Kind != collection.Gone || known.File != "a" || known.Object.Key != "p/a" || known.Object.VersionID != version {
		t.Errorf("the error is %+v", known)
	}
	for _, part := range []string{`"a"`, r.url("p/a"), version} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
	if strings.Contains(err.Error(), "+A") {
		t.Errorf("the error has a signature in it: %v", err)
	}
	report, err := late.Check(t.Context(), collection.CheckOptions{})
	if err != nil || report.Counts[collection.OK] != 1 || len(report.Objects) != 1 {
		t.Fatalf("the check gave %+v, %v", report, err)
	}
	if got := report.Objects[0]; got.Status != collection.IsGone || got.Files[0] != "a" || got.Object.VersionID != version {
		t.Errorf("the check gave %+v", got)
	}
}

// TestCopyRenameRemove: data of two collections goes into a third, without
// being moved.
func TestCopyRenameRemove(t *testing.T) {
	r := newRig(t)
	all := r.fill()
	source, _ := r.imported(r.admin, "data/")
	if err := source.Save(t.Context(), collection.SaveOptions{Name: "source"}); err != nil {
		t.Fatal(err)
	}
	written := r.admin.New()
	if err := written.WriteFile(t.Context(), "w.txt", []byte("written")); err != nil {
		t.Fatal(err)
	}
	c := r.admin.New()
	for _, err := range []error{
		written.Flush(t.Context()),
		c.Copy("copied", source, "sub"),
		c.Copy("copied/w.txt", written, "w.txt"),
		c.Rename("copied/deep", "moved"),
		c.Copy("moved/again", c, "copied"),
		c.Remove("moved/again/w.txt"),
		c.Save(t.Context(), collection.SaveOptions{Name: "target"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := r.admin.Load(t.Context(), c.Record().UUID)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, loaded, "copied/w.txt", []byte("written"))
	wantBytes(t, loaded, "moved/caf\u00e9?#%2F", all["sub/deep/caf\u00e9?#%2F"])
	wantBytes(t, loaded, "moved/again/x+y&z=1", all["sub/x+y&z=1"])
	var names []string
	err = fs.WalkDir(loaded, ".", func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	want := []string{"copied/co:lon\\back", "copied/w.txt", "copied/x+y&z=1", "moved/again/co:lon\\back", "moved/again/x+y&z=1", "moved/caf\u00e9?#%2F"}
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("got %q, %v", names, err)
	}
}

// TestConflict: who saves second is told.
func TestConflict(t *testing.T) {
	r := newRig(t)
	c := r.admin.New()
	if err := c.WriteFile(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "shared"}); err != nil {
		t.Fatal(err)
	}
	second, err := r.admin.Load(t.Context(), c.Record().UUID)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []*collection.Collection{c, second} {
		if err := one.WriteFile(t.Context(), "b", []byte{byte(len(one.Record().UUID))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := second.WriteFile(t.Context(), "c", []byte("more")); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := second.Save(t.Context(), collection.SaveOptions{}); collection.KindOf(err) != collection.Conflict {
		t.Errorf("the second save gave %v", err)
	}
	if err := second.Save(t.Context(), collection.SaveOptions{Overwrite: true}); err != nil {
		t.Error(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "again"}); collection.KindOf(err) != collection.Conflict {
		t.Errorf("saving after that gave %v", err)
	}
}
