// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/s3read"
)

// script answers listings with given pages and records the queries.
type script struct {
	*httptest.Server
	mu      sync.Mutex
	queries []url.Values
}

// newScript calls page with the number of the request, from 0.
func newScript(t testing.TB, page func(n int, query url.Values) string) *script {
	s := &script{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := len(s.queries)
		s.queries = append(s.queries, r.URL.Query())
		s.mu.Unlock()
		_, _ = w.Write([]byte(page(n, r.URL.Query()))) // the reader may leave early
	}))
	t.Cleanup(s.Close)
	return s
}

// markers are the queries' markers.
func (s *script) markers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, q := range s.queries {
		out = append(out, q.Get("key-marker")+" "+q.Get("version-id-marker"))
	}
	return out
}

func versionXML(key, id string) string {
	return "<Version><Key>" + key + "</Key><VersionId>" + id + "</VersionId><LastModified>2026-01-02T03:04:05Z</LastModified><Size>1</Size></Version>"
}

// pageXML is a page; next are further elements of a truncated one.
func pageXML(next string, entries ...string) string {
	truncated := next != ""
	return fmt.Sprintf("<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>%v</IsTruncated>%s%s</ListVersionsResult>",
		truncated, next, strings.Join(entries, ""))
}

func list(t testing.TB, s *script, prefix, after string) ([]string, error) {
	var keys []string
	for v, err := range newReader(t, patient).Versions(context.Background(), rawAccess(s.URL), "bucket", prefix, after) {
		if err != nil {
			return keys, err
		}
		keys = append(keys, v.Object.Key+" "+v.Object.VersionID)
	}
	return keys, nil
}

func TestListingMarkers(t *testing.T) {
	for name, c := range map[string]struct {
		pages   []string
		keys    []string
		markers []string
	}{
		"AWS: the marker is the encoded key": {
			pages:   []string{pageXML("<NextKeyMarker>a%20b</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>", versionXML("a%20b", "1")), pageXML("", versionXML("c", "1"))},
			keys:    []string{"a b 1", "c 1"},
			markers: []string{" ", "a b 1"},
		},
		"MinIO: the marker carries state": {
			pages:   []string{pageXML("<NextKeyMarker>m/d%5Bminio_cache%3Av2%5D</NextKeyMarker>", versionXML("m/d", "1")), pageXML("", versionXML("n", "1"))},
			keys:    []string{"m/d 1", "n 1"},
			markers: []string{" ", "m/d[minio_cache:v2] "},
		},
		"Ceph: the marker is not encoded": {
			pages:   []string{pageXML("<NextKeyMarker>m%20b</NextKeyMarker>", versionXML("m%2520b", "1")), pageXML("", versionXML("n", "1"))},
			keys:    []string{"m%20b 1", "n 1"},
			markers: []string{" ", "m%20b "},
		},
		"versitygw: the next page repeats": {
			pages: []string{pageXML("<NextKeyMarker>b</NextKeyMarker><NextVersionIdMarker>2</NextVersionIdMarker>", versionXML("a", "1"), versionXML("b", "2")),
				pageXML("", versionXML("b", "2"), versionXML("b", "1"), versionXML("c", "1"))},
			keys:    []string{"a 1", "b 2", "b 1", "c 1"},
			markers: []string{" ", "b 2"},
		},
		"gofakes3: no marker": {
			pages:   []string{pageXML(" ", versionXML("a", "1")), pageXML("", versionXML("b", "1"))},
			keys:    []string{"a 1", "b 1"},
			markers: []string{" ", "a "},
		},
		"delete markers before versions": {
			pages: []string{pageXML("", strings.ReplaceAll(versionXML("b", "9"), "Version>", "DeleteMarker>"), versionXML("a", "1"), versionXML("b", "8"))},
			keys:  []string{"a 1", "b 9", "b 8"}, markers: []string{" "},
		},
		"a garbled key is no marker": {
			pages:   []string{pageXML(" ", versionXML("a\ufffd", "1"), versionXML("ab", "1")), pageXML("", versionXML("ac", "1"))},
			keys:    []string{"ab 1", "a\ufffd 1", "ac 1"},
			markers: []string{" ", "ab "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, func(n int, _ url.Values) string { return c.pages[n] })
			keys, err := list(t, s, "", "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.keys, keys) + cmp.Diff(c.markers, s.markers()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// endless has more pages always.
func endless(page func(n int) []string, marker func(n int) string) func(int, url.Values) string {
	return func(n int, _ url.Values) string {
		return pageXML("<NextKeyMarker>"+marker(n)+"</NextKeyMarker> ", page(n)...)
	}
}

func TestListingThatDoesNotAdvanceEnds(t *testing.T) {
	fixed := func(string2 string) func(int) string { return func(int) string { return string2 } }
	for name, page := range map[string]func(int, url.Values) string{
		"the same page":           endless(func(int) []string { return []string{versionXML("a", "1")} }, fixed("a")),
		"the same, other markers": endless(func(int) []string { return []string{versionXML("a", "1")} }, func(n int) string { return fmt.Sprint("a", n) }),
		"empty pages":             endless(func(int) []string { return nil }, fixed("a")),
		"pages in a circle": endless(func(n int) []string { return []string{versionXML([]string{"a", "b"}[n%2], "1")} },
			func(n int) string { return []string{"a", "b"}[n%2] }),
		"only garbled keys": endless(func(int) []string { return []string{versionXML("a\ufffd", "1")} }, fixed("a\ufffd")),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, page)
			_, err := list(t, s, "", "")
			want := "does not advance"
			if name == "pages in a circle" { // is noticed sooner
				want = "not in the order of keys"
			}
			if e := wantKind(t, err, s3read.BadReply); !strings.Contains(e.Text, want) {
				t.Errorf("%s", e.Text)
			}
			if n := len(s.markers()); n > 4 {
				t.Errorf("%d pages", n)
			}
		})
	}
}

func TestListingSkipsUpToAfter(t *testing.T) {
	s := newScript(t, func(n int, _ url.Values) string {
		return []string{
			pageXML("<NextKeyMarker>b</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>", versionXML("b", "2"), versionXML("b", "1")),
			pageXML("", versionXML("b", "0"), versionXML("c", "1")),
		}[n]
	})
	keys, err := list(t, s, "", "b")
	if diff := cmp.Diff([]string{"c 1"}, keys) + cmp.Diff([]string{"b ", "b 1"}, s.markers()); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestListingOutsideThePrefixIsRefused(t *testing.T) {
	s := newScript(t, func(int, url.Values) string {
		return pageXML("", versionXML("public/a", "1"), versionXML("secret/b", "1"))
	})
	_, err := list(t, s, "public/", "")
	wantKind(t, err, s3read.BadReply)
	if keys, err := list(t, s, "", ""); err != nil || len(keys) != 2 {
		t.Errorf("control: %v, %v", keys, err)
	}
}

func TestListingPageTooLarge(t *testing.T) {
	s := newScript(t, func(int, url.Values) string { return "<ListVersionsResult>" + strings.Repeat("<!-- x -->", 2*mib) })
	_, err := list(t, s, "", "")
	if e := wantKind(t, err, s3read.BadReply); !strings.Contains(e.Text, "16 MiB") {
		t.Errorf("%s", e.Text)
	}
}

func TestListingPrefetchesOnePage(t *testing.T) {
	s := newScript(t, func(n int, _ url.Values) string {
		key := fmt.Sprintf("%03d", n)
		return pageXML("<NextKeyMarker>"+key+"</NextKeyMarker>", versionXML(key, "1"))
	})
	seen := 0
	for _, err := range newReader(t, patient).Versions(context.Background(), rawAccess(s.URL), "bucket", "", "") {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 5 {
			break
		}
	}
	if n := len(s.markers()); n > 6 {
		t.Errorf("%d pages were fetched for 5", n)
	}
}
