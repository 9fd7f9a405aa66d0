// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// mirrored is a loaded collection with the files a and b of s3://bucket/p/, and
// a written file.
func mirrored(t *testing.T, c *cluster) *Collection {
	t.Helper()
	c.text = ". " + opaque(t, "p/a", 0, 1) + " " + opaque(t, "p/b", 0, 1) + " " + foo + " 0:1:a 1:1:b 2:3:c\n"
	loaded, err := c.client.Load(t.Context(), "zzzzz-4zz18-000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func refresh(mode Mode) RefreshOptions {
	return RefreshOptions{Mode: mode, DiffOptions: DiffOptions{Sources: []Source{{URL: "s3://bucket/p/"}}}}
}

func ndjson(w http.ResponseWriter, lines ...string) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	fmt.Fprintln(w, strings.Join(lines, "\n"))
}

func fileLine(t *testing.T, key string, size int64) string {
	t.Helper()
	return fmt.Sprintf(`{"type":"file","path":%q,"url":"s3://bucket/%s?versionId=v1","size":%d,"locator":%q}`,
		strings.TrimPrefix(key, "p/"), key, size, opaque(t, key, 0, size))
}

// TestMirrorOfAnError: whatever goes wrong with a listing, a mirror removes
// nothing. The last row is one that is right.
func TestMirrorOfAnError(t *testing.T) {
	a := fileLine(t, "p/a", 1)
	word := func(status int, word string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Keep-Error", word)
			http.Error(w, "no", status)
		}
	}
	lines := func(all ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { ndjson(w, all...) }
	}
	for name, row := range map[string]struct {
		listing http.HandlerFunc
		want    Kind
		files   int
	}{
		"nothing":          {word(404, "s3-not-found"), Gone, 3},
		"no word":          {word(404, ""), "block-not-found", 3},
		"denied":           {word(403, "s3-denied"), Denied, 3},
		"broken off":       {lines(a, `{"type":"error","error":"s3-denied","text":"no"}`), Denied, 3},
		"nothing half-way": {lines(a, `{"type":"error","error":"s3-not-found","text":"no"}`), Gone, 3},
		"fewer than said":  {lines(a, `{"type":"done","files":2,"status":"complete"}`), NotComplete, 3},
		"more than said":   {lines(a, `{"type":"done","files":0,"status":"empty"}`), NotComplete, 3},
		"no such line":     {lines(a, `{"type":"file","path":"b","url":"https://elsewhere/b","size":1,"locator":"x"}`, `{"type":"done","files":2}`), BadManifest, 3},
		"right":            {lines(a, `{"type":"done","files":1,"status":"complete"}`), "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.listing = row.listing
			loaded := mirrored(t, c)
			_, err := loaded.Refresh(t.Context(), refresh(Mirror))
			if files, _ := loaded.Size(); KindOf(err) != row.want || files != row.files || (loaded.changed == (err != nil)) {
				t.Errorf("%d files are left, %v", files, err)
			}
		})
	}
}

// TestDiffOfNothing: that there is nothing at all is told, and a refresh that
// appends keeps the files.
func TestDiffOfNothing(t *testing.T) {
	c := newCluster(t)
	c.listing = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Keep-Error", "s3-not-found")
		http.Error(w, "no", http.StatusNotFound)
	}
	loaded := mirrored(t, c)
	if d, err := loaded.Diff(t.Context(), refresh(Append).DiffOptions); err != nil || d.Count(Deleted) != 2 {
		t.Errorf("the diff is %+v, %v", d, err)
	}
	if _, err := loaded.Refresh(t.Context(), refresh(Append)); err != nil {
		t.Error(err)
	}
	if files, _ := loaded.Size(); files != 3 {
		t.Errorf("%d files are left", files)
	}
}

// TestRefreshMeanwhile: what is written while S3 is listed is neither removed
// nor replaced.
func TestRefreshMeanwhile(t *testing.T) {
	c := newCluster(t)
	loaded := mirrored(t, c)
	c.listing = func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"a", "b"} {
			if err := loaded.Remove(name); err != nil {
				t.Error(err)
			}
			if err := loaded.Copy(name, loaded, "c"); err != nil {
				t.Error(err)
			}
		}
		newer := strings.ReplaceAll(fileLine(t, "p/a", 5), "versionId=v1", "versionId=v2")
		ndjson(w, newer, `{"type":"done","files":1,"status":"complete"}`)
	}
	d, err := loaded.Refresh(t.Context(), refresh(Mirror))
	if err != nil || d.Count(Updated) != 1 || d.Count(Deleted) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, name := range []string{"a", "b"} {
		if info, err := loaded.Stat(name); err != nil || info.Size() != 3 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestPartsOfObjects: a file that is not one whole object as far as is known is
// marked, so that a refresh leaves it alone.
func TestPartsOfObjects(t *testing.T) {
	o, again := opaque(t, "p/a", 0, 10), opaque(t, "p/a", 10, 10)
	for text, want := range map[string]bool{
		". " + o + " 0:10:f\n":                 true,
		". " + o + " " + again + " 0:20:f\n":   true,
		". " + o + " 1:9:f\n":                  false,
		". " + again + " " + o + " 0:20:f\n":   false,
		". " + o + " " + foo + " 0:13:f\n":     false,
		". " + o + " " + o + " 0:10:f 0:1:f\n": false,
	} {
		c, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		found, whole := objectsOfFile(c.root.files["f"])
		if len(found) != 1 || whole != want {
			t.Errorf("%s: %v, %v", text, found, whole)
		}
	}
}
