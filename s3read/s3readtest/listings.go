// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3readtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/arvados-s3/keepstore/s3read"
)

// list collects a listing and checks its order: keys ascend.
func (s *suite) list(t *testing.T, prefix, after string) []s3read.Version {
	t.Helper()
	var all []s3read.Version
	last := ""
	for v, err := range s.reader.Versions(context.Background(), s.Access, s.Versioned, prefix, after) {
		if err != nil {
			t.Fatal(err)
		}
		if v.Object.Key < last || v.Object.Key <= after || !strings.HasPrefix(v.Object.Key, prefix) {
			t.Errorf("key %q after %q", v.Object.Key, last)
		}
		last = v.Object.Key
		all = append(all, v)
	}
	return all
}

// fill runs f for 0 to n−1, several at a time if the server can.
func (s *suite) fill(n int, f func(i int)) {
	workers := 8
	if s.Quirks.LosesParallelPuts {
		workers = 1
	}
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for i := worker; i < n; i += workers {
				f(i)
			}
		})
	}
	running.Wait()
}

// deepKey has more versions than a page, between two plain keys.
func (s *suite) deepKey(t *testing.T) {
	want := make(map[string]bool)
	var mu sync.Mutex
	add := func(key string) {
		o, err := s.store(s.Versioned, key, []byte(key))
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		want[o.Key+" "+o.VersionID] = true
	}
	add("deep/a")
	s.fill(1100, func(int) { add("deep/b") })
	add("deep/c")
	latest := 0
	for _, v := range s.list(t, "deep/", "") {
		name := v.Object.Key + " " + v.Object.VersionID
		if !want[name] {
			t.Errorf("%s was not stored, or came twice", name)
		}
		delete(want, name)
		if v.Latest {
			latest++
		}
	}
	if len(want) != 0 || latest != 3 {
		t.Errorf("%d versions are missing, %d are the latest", len(want), latest)
	}
	if rest := s.list(t, "deep/", "deep/b"); len(rest) != 1 || rest[0].Object.Key != "deep/c" {
		t.Errorf("after deep/b came %d entries", len(rest))
	}
}

// longListing has 1500 keys, some with more versions or delete markers.
func (s *suite) longListing(t *testing.T) {
	type state struct {
		size   int64
		marker bool
	}
	want := make(map[string]state)
	var mu sync.Mutex
	note := func(key, version string, st state) {
		mu.Lock()
		defer mu.Unlock()
		want[key+" "+version] = st
	}
	s.fill(1500, func(i int) {
		key := fmt.Sprintf("list/%02d/%04d", i%7, i)
		for n := range 1 + i%3/2 {
			o, err := s.store(s.Versioned, key, make([]byte, i%50+n))
			if err != nil {
				t.Error(err)
				return
			}
			note(key, o.VersionID, state{size: int64(i%50 + n)})
		}
		if i%10 == 0 {
			note(key, s.remove(t, key, ""), state{marker: true})
		}
	})
	total := len(want)
	all := s.list(t, "list/", "")
	for _, v := range all {
		name := v.Object.Key + " " + v.Object.VersionID
		st, ok := want[name]
		if !ok || st.marker != v.DeleteMarker || st.size != v.Size || v.LastModified.IsZero() || v.Undecodable {
			t.Errorf("%+v: stored %v as %+v", v, ok, st)
		}
		delete(want, name)
	}
	if len(want) != 0 || len(all) != total {
		t.Errorf("%d of %d entries are missing, %d came", len(want), total, len(all))
	}
	middle := all[len(all)/2].Object.Key
	rest := slices.DeleteFunc(slices.Clone(all), func(v s3read.Version) bool { return v.Object.Key <= middle })
	if got := s.list(t, "list/", middle); !slices.Equal(names(got), names(rest)) {
		t.Errorf("after %s came %d entries, want %d", middle, len(got), len(rest))
	}
}

// names returns key and version of each entry in an order that does not depend
// on where pages begin, as the order of the versions of a key does.
func names(entries []s3read.Version) []string {
	var out []string
	for _, v := range entries {
		out = append(out, v.Object.Key+" "+v.Object.VersionID)
	}
	slices.Sort(out)
	return out
}

// browse pages through folders and objects; it runs after longListing.
func (s *suite) browse(t *testing.T) {
	ctx := context.Background()
	page, err := s.reader.Browse(ctx, s.Access, s.Versioned, "list/", "")
	want := []string{"list/00/", "list/01/", "list/02/", "list/03/", "list/04/", "list/05/", "list/06/"}
	if err != nil || !slices.Equal(page.Folders, want) || len(page.Objects) != 0 || page.Next != "" {
		t.Errorf("%+v, %v", page, err)
	}
	s.fill(1200, func(i int) {
		if _, err := s.store(s.Versioned, fmt.Sprintf("flat/key %04d", i), nil); err != nil {
			t.Error(err)
		}
	})
	n, cursor := 0, ""
	for pages := 0; pages < 3; pages++ {
		page, err := s.reader.Browse(ctx, s.Access, s.Versioned, "flat/", cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Objects {
			if o.Object.Key != fmt.Sprintf("flat/key %04d", n) {
				t.Errorf("object %d is %q", n, o.Object.Key)
			}
			n++
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if n != 1200 || cursor != "" {
		t.Errorf("%d objects, cursor %q", n, cursor)
	}
}
