// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Pool holds the servers of one test package. The zero value is ready. Call
// Stop at the end of TestMain.
type Pool struct {
	mu      sync.Mutex
	servers map[string]*Server
	dir     string
}

// Stop ends all servers and removes their data.
func (p *Pool) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.servers {
		s.stop()
	}
	p.servers = nil
	if p.dir != "" {
		_ = os.RemoveAll(p.dir) // a leftover directory harms nobody
		p.dir = ""
	}
}

// get returns the named server, started on first use.
func (p *Pool) get(t testing.TB, name string, start func(t testing.TB, dir string) *Server) *Server {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.servers[name]; s != nil {
		return s
	}
	if p.dir == "" {
		dir, err := os.MkdirTemp("", "keepstore-testenv-")
		if err != nil {
			t.Fatal(err)
		}
		p.dir = dir
		p.servers = make(map[string]*Server)
	}
	dir := filepath.Join(p.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir)
	s.Name = name
	p.servers[name] = s
	return s
}

// Bin returns the path of a test program. If it is not installed the test
// fails with a sentence that says what to do.
func Bin(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("KEEPSTORE_TEST_BIN")
	if dir == "" {
		dir = cacheDir(t)
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("this test needs the program %s in %s: run \"make tools\", or set KEEPSTORE_TEST_BIN", name, dir)
	}
	return path
}

// cacheDir is where "make tools" puts test programs.
func cacheDir(t testing.TB) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "keepstore-test", "bin")
}
