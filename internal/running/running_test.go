// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestURL: the file counts while its server holds it. One that a
// killed server left behind, or a copy of a folder brought along, does not:
// the token would go to whoever has the port now.
func TestURL(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, urlFile)
	check := func(what, want string) {
		t.Helper()
		got, err := URL(dir)
		if got != want || (err == nil) != (want != "") || err != nil && !strings.Contains(err.Error(), "no running keepstore standalone") {
			t.Errorf("%s: got %q, %v, want %q", what, got, err, want)
		}
	}
	check("never started", "")
	if err := os.WriteFile(file, []byte("http://127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("killed", "")
	first, err := Tell(dir, "http://127.0.0.1:2")
	if err != nil {
		t.Fatal(err)
	}
	check("running", "http://127.0.0.1:2")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	second, err := Tell(dir, "http://127.0.0.1:3")
	if err != nil {
		t.Fatal(err)
	}
	check("two", "http://127.0.0.1:3")
	first()
	check("the older one stopped", "http://127.0.0.1:3")
	second()
	check("stopped", "")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
