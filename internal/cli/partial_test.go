// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// shelf is a cluster with one collection, whose text is set, and one block; and
// with others that change.
type shelf struct {
	text  string
	block []byte
	lost  atomic.Bool
	// others are the texts of other collections. The first overwritten PUTs are
	// answered well and do not stay, as when another program stores then.
	mu          sync.Mutex
	others      map[string]string
	overwritten int
	puts        []string
	// after is called after each PUT, with mu held.
	after func(id string)
}

// collection loads or stores one of the others.
func (s *shelf) collection(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := path.Base(r.URL.Path)
	text := s.others[id]
	if r.Method == http.MethodPut {
		var body struct {
			Collection struct {
				Text string `json:"manifest_text"`
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&body) // an empty text shows
		text = body.Collection.Text
		s.puts = append(s.puts, id)
		if s.overwritten--; s.overwritten < 0 {
			s.others[id] = text
		}
		if s.after != nil {
			s.after(id)
		}
	}
	pdh, _ := manifest.PDH(text) // an answer without is refused
	_ = json.NewEncoder(w).Encode(map[string]any{"uuid": id, "portable_data_hash": pdh, "manifest_text": text})
}

// ServeHTTP answers as API server and Keep service.
func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/discovery/"):
		fmt.Fprint(w, `{"defaultCollectionReplication":1}`)
	case strings.HasPrefix(r.URL.Path, "/arvados/") && s.others != nil:
		s.collection(w, r)
	case strings.HasPrefix(r.URL.Path, "/arvados/"):
		pdh, _ := manifest.PDH(s.text) // an answer without is refused
		_ = json.NewEncoder(w).Encode(map[string]any{"uuid": testUUID, "portable_data_hash": pdh, "manifest_text": s.text})
	case s.lost.Load():
		http.Error(w, "gone", http.StatusNotFound)
	default:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.block))
	}
}

// session returns one with the shelf, and the collection.
func (s *shelf) session(t *testing.T) (*session, *collection.Collection) {
	t.Helper()
	server := httptest.NewServer(s)
	a, err := api.New(api.Settings{Host: server.URL, Token: api.NewToken("token")})
	if err != nil {
		t.Fatal(err)
	}
	client, err := collection.NewClient(a, collection.Options{Keep: keep.Options{Services: []string{server.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); a.Close(); server.Close() })
	c, err := client.Load(t.Context(), testUUID)
	if err != nil {
		t.Fatal(err)
	}
	return &session{api: a, client: client, in: strings.NewReader(""), out: io.Discard, err: io.Discard, quiet: true}, c
}

// newShelf has the files "name" of 300,000 bytes for each of the names.
func newShelf(names ...string) *shelf {
	s := &shelf{block: make([]byte, 300_000)}
	_, _ = rand.NewChaCha8([32]byte{}).Read(s.block) // never fails
	sum := md5.Sum(s.block)
	s.text = ". " + hex.EncodeToString(sum[:]) + "+300000"
	for _, name := range names {
		s.text += " 0:300000:" + name
	}
	s.text += "\n"
	return s
}

// get downloads all to a folder.
func get(t *testing.T, s *session, c *collection.Collection, dir string) error {
	t.Helper()
	o := &getting{threads: 1}
	d, err := o.plan(c, target{id: testUUID, path: "."}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.root.Close()
	return d.run(t.Context(), s, 1)
}

// partOf is the name of the part of the file f.
func partOf(t *testing.T, s *session, c *collection.Collection) string {
	t.Helper()
	p := &partial{d: &download{c: c}, wanted: wanted{from: "f", to: "f"}, client: s.client}
	name, err := p.name()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestPartsOfOthers: whatever stands at the place of a part, the file has the
// right bytes, and nothing else is written to.
func TestPartsOfOthers(t *testing.T) {
	shelf := newShelf("f")
	s, c := shelf.session(t)
	wrong := bytes.Repeat([]byte{'x'}, 200_000)
	for name, plant := range map[string]func(part, other string) error{
		"nothing":         func(string, string) error { return nil },
		"right beginning": func(part, _ string) error { return os.WriteFile(part, shelf.block[:200_000], 0o600) },
		"all":             func(part, _ string) error { return os.WriteFile(part, shelf.block, 0o600) },
		"wrong":           func(part, _ string) error { return os.WriteFile(part, wrong, 0o600) },
		"too long": func(part, _ string) error {
			return os.WriteFile(part, append(shelf.block[:300_000:300_000], 'x'), 0o600)
		},
		"symbolic link":   func(part, other string) error { return os.Symlink(filepath.Base(other), part) },
		"link to nothing": func(part, _ string) error { return os.Symlink("nothing", part) },
		"link outside":    func(part, _ string) error { return os.Symlink("/etc/hosts", part) },
		"hard link":       func(part, other string) error { return os.Link(other, part) },
		"fifo":            func(part, _ string) error { return syscall.Mkfifo(part, 0o600) },
		"empty folder":    func(part, _ string) error { return os.Mkdir(part, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			other := filepath.Join(dir, "other")
			if err := os.WriteFile(other, wrong, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := plant(filepath.Join(dir, partOf(t, s, c)), other); err != nil {
				t.Fatal(err)
			}
			if err := get(t, s, c, dir); err != nil {
				t.Error(err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || !bytes.Equal(got, shelf.block) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if got, _ := os.ReadFile(other); !bytes.Equal(got, wrong) {
				t.Error("another file was changed")
			}
			if all, _ := os.ReadDir(dir); len(all) != 2 {
				t.Errorf("there is %v", all)
			}
		})
	}
}

// TestPartNotCompared: a part is not trusted when the bytes to compare it with
// cannot be read.
func TestPartNotCompared(t *testing.T) {
	shelf := newShelf("f")
	s, c := shelf.session(t)
	dir := t.TempDir()
	part := filepath.Join(dir, partOf(t, s, c))
	if err := os.WriteFile(part, make([]byte, 300_000), 0o600); err != nil {
		t.Fatal(err)
	}
	shelf.lost.Store(true)
	if err := get(t, s, c, dir); err == nil {
		t.Error("a part was taken for the file")
	}
	if _, err := os.Lstat(filepath.Join(dir, "f")); !os.IsNotExist(err) {
		t.Errorf("there is a file: %v", err)
	}
	shelf.lost.Store(false)
	if err := get(t, s, c, dir); err != nil {
		t.Error(err)
	}
}

// TestNamesOfParts: a file of a collection cannot pass for the beginning of
// another, and is itself told to be missing.
func TestNamesOfParts(t *testing.T) {
	shelf := newShelf("f")
	s, c := shelf.session(t)
	shelf.text = strings.TrimSuffix(shelf.text, "\n") + " 1:299999:" + partOf(t, s, c) + "\n"
	c, err := s.client.Load(t.Context(), testUUID)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := get(t, s, c, dir); exitCode(err) != Partial {
		t.Errorf("got %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || !bytes.Equal(got, shelf.block) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func exitCode(err error) int {
	if exit, ok := err.(*Exit); ok {
		return exit.Code
	}
	return -1
}

// TestOnePlaceForTwo: where the file system takes two names for one, the second
// file does not take the place of the first. --force is about what was there
// before.
func TestOnePlaceForTwo(t *testing.T) {
	s, c := newShelf("a", "A").session(t)
	for _, existing := range []bool{false, true} {
		dir := t.TempDir()
		if existing {
			if err := os.WriteFile(filepath.Join(dir, "same"), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o := &getting{threads: 1, force: true}
		d := &download{c: c}
		var err error
		if d.root, err = os.OpenRoot(dir); err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{"a", "A"} {
			if err := o.want(d, wanted{from: from, to: "same", size: 300_000}); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.run(t.Context(), s, 1); exitCode(err) != Partial || d.done != 1 {
			t.Errorf("%d files, %v", d.done, err)
		}
		if info, err := os.Stat(filepath.Join(dir, "same")); err != nil || info.Size() != 300_000 {
			t.Errorf("%v, %v", info, err)
		}
		_ = d.root.Close() // it was read only
	}
}
