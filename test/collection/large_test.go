// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

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
