// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// stock makes of our API server one that has no conditions, as stock ones have
// none. It makes the worst of that: what programs store waits until all that run
// have looked. And it makes the machine fast enough for Save: who looks again
// waits until all that looked have stored.
type stock struct {
	target *url.URL
	mu     sync.Mutex
	turn   *sync.Cond
	// looking are the programs that have not looked yet for the first time,
	// storing those that looked and did not store. Guarded by mu.
	looking, storing map[int]bool
	stored           map[int]bool
}

func newStock(target string) *stock {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	s := &stock{target: u, looking: map[int]bool{}, storing: map[int]bool{}, stored: map[int]bool{}}
	s.turn = sync.NewCond(&s.mu)
	return s
}

// program starts a server for one program.
func (s *stock) program(t *testing.T, n int, uuid string) string {
	s.looking[n] = true
	proxy := httputil.NewSingleHostReverseProxy(s.target)
	proxy.ModifyResponse = func(r *http.Response) error {
		text, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(text, []byte("conditionalUpdates"), []byte("unconditionalUpdates"), 1)))
		r.ContentLength = -1
		r.Header.Del("Content-Length")
		return err
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		look := r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, uuid) && !strings.Contains(r.URL.RawQuery, "manifest_text")
		if r.Method == http.MethodPut {
			s.until(func() bool { return len(s.looking) == 0 })
			defer s.note(func() { delete(s.storing, n); s.stored[n] = true })
		} else if look {
			s.until(func() bool { return !s.stored[n] || len(s.storing) == 0 })
			s.note(func() {
				if delete(s.looking, n); !s.stored[n] {
					s.storing[n] = true
				}
				delete(s.stored, n)
			})
		} else if strings.HasSuffix(r.URL.Path, uuid) { // it begins anew
			s.note(func() { delete(s.storing, n) })
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// until waits for something.
func (s *stock) until(is func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !is() {
		s.turn.Wait()
	}
}

func (s *stock) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.turn.Broadcast()
}

// ended notes the end of a program.
func (s *stock) ended(n int) {
	s.note(func() { delete(s.looking, n); delete(s.storing, n) })
}

// TestManyAtOnce: many programs change one collection in the same moment. What
// each of them did is there in the end, with either kind of API server.
func TestManyAtOnce(t *testing.T) {
	for name, conditions := range map[string]bool{"keepstore": true, "stock": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for i := range 4 {
				r.put(fmt.Sprintf("more%d/x", i), []byte{byte(i)})
			}
			r.put("data/a", []byte("a"))
			c, _ := r.imported(r.admin, "data/")
			for i := range 4 {
				for _, name := range []string{"old", "source"} {
					if err := c.WriteFile(t.Context(), fmt.Sprint(name, i), []byte(name)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
				t.Fatal(err)
			}
			r.put("data/b", []byte("b"))
			r.atOnce(c.Record().UUID, conditions)
		})
	}
}

// atOnce runs the commands.
func (r *rig) atOnce(uuid string, conditions bool) {
	dir, t := r.t.TempDir(), r.t.(*testing.T)
	var lines [][]string
	want := map[string]string{"a": "a", "b": "b"}
	for i := range 4 {
		local := filepath.Join(dir, fmt.Sprint("put", i))
		if err := os.WriteFile(local, []byte("put"), 0o600); err != nil {
			t.Fatal(err)
		}
		lines = append(lines,
			[]string{"put", "--update-collection", uuid, local},
			[]string{"rm", fmt.Sprint(uuid, "/old", i)},
			[]string{"cp", fmt.Sprint(uuid, "/source", i), fmt.Sprint(uuid, "/copy", i)},
			[]string{"import", "--no-resume", "--update-collection", uuid, "--path", fmt.Sprint("more", i), r.url(fmt.Sprint("more", i, "/"))})
		want[fmt.Sprint("put", i)], want[fmt.Sprint("source", i)], want[fmt.Sprint("copy", i)], want[fmt.Sprintf("more%d/x", i)] = "put", "source", "source", string([]byte{byte(i)})
	}
	lines = append(lines, []string{"refresh", "--append", uuid}, []string{"refresh", "--mirror", uuid})
	s := newStock(r.apiURL)
	hosts := make([]string, len(lines))
	for i := range lines {
		if hosts[i] = r.apiURL; !conditions {
			hosts[i] = s.program(t, i, uuid)
		}
	}
	var all sync.WaitGroup
	for i, line := range lines {
		all.Go(func() {
			defer s.ended(i)
			c := r.command(dir, line...)
			c.Args = c.Args[:len(c.Args)-2] // without --data
			c.Env = append(c.Env, "ARVADOS_API_HOST="+hosts[i], "ARVADOS_API_TOKEN="+r.api.Settings().Token.Reveal())
			if err := c.Run(); err != nil {
				t.Errorf("%v: %v\n%s", line, err, c.log)
			}
		})
	}
	all.Wait()
	now, err := r.admin.Load(t.Context(), uuid)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		wantBytes(t, now, name, []byte(text))
	}
	_ = fs.WalkDir(now, ".", func(name string, d fs.DirEntry, err error) error {
		if _, wanted := want[name]; err != nil || !d.IsDir() && !wanted {
			t.Errorf("%s is there: %v", name, err)
		}
		return nil
	})
	if known, err := now.Sources(); err != nil || len(known) != 5 {
		t.Errorf("recorded is %+v, %v", known, err)
	}
}
