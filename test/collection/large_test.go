// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestTenThousand does everything with 10,000 objects: a whole import and one
// that is cut have the same hash, a check asks once for each, and among all of
// them six changes are found and taken in.
func TestTenThousand(t *testing.T) {
	const n = 10_000
	r := newRig(t)
	r.many("k/", n)
	c, result := r.imported(r.admin, "k/")
	proxy := faultproxy.New(t, r.keepURL)
	client := r.through(proxy.URL())
	proxy.Set(faultproxy.Rule{Path: toImport("s3/import"), Count: 1, Do: []faultproxy.Action{faultproxy.CloseAt(3_000_000)}})
	resumed := client.New()
	again, err := resumed.ImportFromS3(t.Context(), []collection.Source{{URL: r.url("k/")}}, collection.ImportOptions{})
	if err != nil || result.Files != n || again.PDH != result.PDH || len(proxy.Log()) != 2 {
		t.Fatalf("%d files; a cut import has %+v, not %s, after %d requests, %v", result.Files, again, result.PDH, len(proxy.Log()), err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "ten thousand"}); err != nil {
		t.Fatal(err)
	}
	if c.Record().PDH != result.PDH {
		t.Errorf("saved as %s, imported as %s", c.Record().PDH, result.PDH)
	}

	proxy.Set()
	report, err := over(t, c, client).Check(t.Context(), collection.CheckOptions{})
	if err != nil || !report.Good() || report.Counts[collection.OK] != n {
		t.Errorf("the check gave %+v, %v", report, err)
	}
	heads := 0
	for _, request := range proxy.Log() {
		if request.Method == http.MethodHead {
			heads++
		}
	}
	if heads != n || len(proxy.Log()) != n {
		t.Errorf("the check sent %d requests, of them %d HEAD", len(proxy.Log()), heads)
	}

	for _, key := range []string{"k/new", "k/050/new", "k/zzz/new", "k/001/00100", "k/077/07777"} {
		r.put(key, []byte("new"))
	}
	r.remove("k/033/03333", "")
	d, err := c.Refresh(t.Context(), collection.RefreshOptions{Mode: collection.Mirror})
	if err != nil || d.Count(collection.Added) != 3 || d.Count(collection.Updated) != 2 || d.Count(collection.Deleted) != 1 || d.Unchanged != n-3 {
		t.Fatalf("the refresh gave %+v, %v", d, err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	fresh, mirrored := r.imported(r.admin, "k/")
	if _, err := fresh.PDH(); err != nil || mirrored.PDH != c.Record().PDH {
		t.Errorf("the mirror has the hash %s, a new import %s, %v", c.Record().PDH, mirrored.PDH, err)
	}
	for use, err := range r.admin.WhereUsed(t.Context(), r.url("k/077/")) {
		if err != nil || use.UUID != c.Record().UUID || use.Objects != 100 {
			t.Errorf("used in %+v, %v", use, err)
		}
	}
}

// TestSaveParts: a collection that is too large for a request is stored as
// several, which have all the files.
func TestSaveParts(t *testing.T) {
	r := newRig(t)
	r.many("many/", 400)
	proxy := faultproxy.New(t, r.apiURL)
	proxy.Set(faultproxy.Rule{Path: toImport("discovery/"), Do: []faultproxy.Action{
		faultproxy.Body(func(b []byte) []byte { // 1 MiB is for everything but the manifest
			return []byte(strings.Replace(string(b), `"maxRequestSize":134217728`, fmt.Sprintf(`"maxRequestSize":%d`, 1<<20+50_000), 1))
		})}})
	client := r.behind(proxy.URL())
	c := client.New()
	if _, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: r.url("many/")}}, collection.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "one"}); collection.KindOf(err) != collection.TooLarge {
		t.Errorf("saving it whole gave %v", err)
	}
	var hashes [2]string
	for i := range hashes {
		records, err := c.SaveParts(t.Context(), collection.SaveOptions{Name: fmt.Sprint("big ", i)})
		if err != nil || len(records) < 3 {
			t.Fatalf("%d parts, %v", len(records), err)
		}
		whole := r.admin.New()
		for j, record := range records {
			hashes[i] += record.PDH + " "
			part, err := r.admin.Load(t.Context(), record.UUID)
			if err != nil || record.Name != fmt.Sprintf("big %d (part %d of %d)", i, j+1, len(records)) || record.Properties["arv:s3_part"] == nil {
				t.Fatalf("part %+v, %v", record, err)
			}
			entries, err := part.ReadDir(".")
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				files, err := part.ReadDir(e.Name())
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					if err := whole.Copy(e.Name()+"/"+f.Name(), part, e.Name()+"/"+f.Name()); err != nil {
						t.Error(err)
					}
				}
			}
		}
		if a, b := first(whole.PDH()), first(c.PDH()); a != b {
			t.Errorf("the parts together have the hash %s, the whole %s", a, b)
		}
	}
	if hashes[0] != hashes[1] {
		t.Errorf("saved twice: %v", hashes)
	}
}

func first[T any](v T, _ error) T { return v }
