// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/locator"
)

// oddObjects are in two buckets; the last has no version, and the one before
// comes twice.
func oddObjects() []locator.Object {
	var all []locator.Object
	for _, key := range []string{"plain/key.txt", "a b", "a+b&c=d", "%2F", "com,ma", `quote"d`, "line\nfeed", "\r", "é", "-dash", "=SUM(A1)", "a//b/../c/", "#?;"} {
		all = append(all, locator.Object{Bucket: "one", Key: key, VersionID: "v1"}, locator.Object{Bucket: "two.b", Key: key, VersionID: `v,2"`})
	}
	return append(all, all[0], locator.Object{Bucket: "one", Key: "weak", ETag: "e"})
}

func TestBatchCSV(t *testing.T) {
	b := &batch{folder: t.TempDir(), files: map[string]*batchFile{}, seen: map[[sha256.Size]byte]bool{}}
	want := map[string][]locator.Object{}
	for i, o := range oddObjects() {
		if err := b.add(o); err != nil {
			t.Fatal(err)
		}
		if i < len(oddObjects())-2 {
			want[o.Bucket] = append(want[o.Bucket], o)
		}
	}
	if err := b.finish(); err != nil || b.weak != 1 {
		t.Fatalf("%d weak, %v", b.weak, err)
	}
	b.clear()
	got := map[string][]locator.Object{}
	for bucket := range want {
		got[bucket] = readBatch(t, filepath.Join(b.folder, bucket+".csv"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-added +read):\n%s", diff)
	}
	if left, err := os.ReadDir(b.folder); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	again := &batch{folder: b.folder, files: map[string]*batchFile{}}
	if err, exit := again.add(oddObjects()[0]), (*Exit)(nil); !errors.As(err, &exit) || exit.Code != Usage {
		t.Errorf("a file was overwritten: %v", err)
	}
}

// readBatch reads a manifest in two ways: keys must come out the same whether
// a reader takes "+" for a space or not.
func readBatch(t *testing.T, file string) []locator.Object {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := csv.NewReader(f)
	rows.FieldsPerRecord = 3
	all, err := rows.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var objects []locator.Object
	for _, row := range all {
		key, err := url.PathUnescape(row[1])
		form, err2 := url.QueryUnescape(row[1])
		if err != nil || err2 != nil || key != form || strings.ContainsAny(row[1], " +,\"\r\n") {
			t.Errorf("%q is %q or %q: %v, %v", row[1], key, form, err, err2)
		}
		objects = append(objects, locator.Object{Bucket: row[0], Key: key, VersionID: row[2]})
	}
	return objects
}

// TestBatchWithoutFormulas: a version that somebody made up to be run as a
// formula gets into no file; odd ones that are none do.
func TestBatchWithoutFormulas(t *testing.T) {
	b := &batch{folder: t.TempDir(), files: map[string]*batchFile{}}
	defer b.clear()
	good := []string{"null", "-_.~AZaz09", "3/L4kqtJl+a=", "4_z@b", "é"}
	bad := []string{"=HYPERLINK(1)", "+1+cmd|' /C calc'!A0", "-1+1", "@SUM(1)", "\t=1", "a\r=1", "a\n=1,2"}
	for _, version := range slices.Concat(good, bad) {
		if err := b.add(locator.Object{Bucket: "one", Key: "k", VersionID: version}); err != nil {
			t.Fatal(err)
		}
	}
	if f := b.files["one"]; b.odd != int64(len(bad)) || f == nil || f.Objects != int64(len(good)) || b.weak != 0 {
		t.Errorf("%d are left out: %+v", b.odd, f)
	}
}

// TestBatchFails: what cannot be finished leaves nothing.
func TestBatchFails(t *testing.T) {
	folder := t.TempDir()
	b := &batch{folder: folder, files: map[string]*batchFile{}}
	if err := b.add(oddObjects()[0]); err != nil {
		t.Fatal(err)
	}
	b.clear()
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestJSONList: it is what printJSON writes.
func TestJSONList(t *testing.T) {
	for _, n := range []int{0, 1, 3} {
		var one, whole bytes.Buffer
		list, all := &jsonList{w: &one}, []needed{}
		for i := range n {
			item := needed{Collection: "c", URL: "s3://b/k&<>\u202e", Size: int64(i)}
			if all = append(all, item); list.add(item) != nil {
				t.Fatal("an item cannot be written")
			}
		}
		if err := errors.Join(list.end(), (&session{out: &whole}).printJSON(all)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole.String(), one.String()); diff != "" || !json.Valid(one.Bytes()) {
			t.Errorf("%d items (-printJSON +jsonList):\n%s", n, diff)
		}
	}
}
