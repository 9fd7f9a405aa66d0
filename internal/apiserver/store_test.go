// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReopenKeepsEverything(t *testing.T) {
	w, _ := withGroups(t)
	before := ask(t, w.Server, "GET", "/arvados/v1/groups", w.token, "")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Options{DataDir: w.options.DataDir, Now: w.clock.now})
	if diff := cmp.Diff(before.text, ask(t, again, "GET", "/arvados/v1/groups", w.token, "").text); diff != "" {
		t.Error(diff)
	}
	if again.SystemRootToken() != w.SystemRootToken() || again.BlobSigningKey() != w.BlobSigningKey() || again.ClusterID() != w.ClusterID() {
		t.Error("the keys or the cluster id changed")
	}
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	w := newWorld(t)
	names, err := os.ReadDir(w.options.DataDir)
	if err != nil || len(names) < 3 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, entry := range names {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", entry.Name(), info.Mode())
		}
	}
}

func TestSecretsAreNotInTheDatabase(t *testing.T) {
	w := newWorld(t)
	_, secret, _ := splitToken(w.token)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(w.options.DataDir, "api.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), w.ann.UUID) {
		t.Fatal("the file does not hold what was written")
	}
	for _, s := range []string{secret, w.SystemRootToken(), w.BlobSigningKey()} {
		if strings.Contains(string(text), s) {
			t.Error("the database holds a secret")
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		o     Options
		want  string
	}{
		"nothing":            {spoil: func(*testing.T, string) {}},
		"the right cluster":  {spoil: func(*testing.T, string) {}, o: Options{ClusterID: "abcde"}},
		"another cluster":    {spoil: func(*testing.T, string) {}, o: Options{ClusterID: "xxxxx"}, want: "belongs to cluster abcde"},
		"an odd cluster":     {spoil: func(*testing.T, string) {}, o: Options{ClusterID: "ABCDE"}, want: "five characters"},
		"a readable key":     {spoil: chmodKey, want: "chmod"},
		"a cut key":          {spoil: cutKey, want: "fewer than"},
		"a newer schema":     {spoil: newerSchema, want: "newer version"},
		"no database at all": {spoil: spoilDB, want: "data folder"},
	} {
		dir := t.TempDir()
		s := open(t, Options{DataDir: dir, ClusterID: "abcde"})
		s.Close()
		c.spoil(t, dir)
		c.o.DataDir = dir
		s, err := Open(c.o)
		if err == nil {
			s.Close()
		}
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func chmodKey(t *testing.T, dir string) {
	if err := os.Chmod(filepath.Join(dir, "blob_signing_key"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func cutKey(t *testing.T, dir string) {
	if err := os.WriteFile(filepath.Join(dir, "system_root_token"), []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newerSchema(t *testing.T, dir string) {
	db, err := openDB(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO schema_version VALUES (99)`); err != nil {
		t.Fatal(err)
	}
}

func spoilDB(t *testing.T, dir string) {
	if err := os.WriteFile(filepath.Join(dir, "api.sqlite3"), []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenAtTheSameTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd ?name%20#1")
	var wg sync.WaitGroup
	servers := make([]*Server, 4)
	for i := range servers {
		wg.Go(func() {
			s, err := Open(Options{DataDir: dir})
			if err != nil {
				t.Error(err)
				return
			}
			servers[i] = s
		})
	}
	wg.Wait()
	for _, s := range servers {
		if s == nil {
			continue
		}
		if s.SystemRootToken() != servers[0].SystemRootToken() {
			t.Error("two servers on one folder have different root tokens")
		}
		s.Close()
	}
	if _, err := os.Stat(filepath.Join(dir, "api.sqlite3")); err != nil {
		t.Error(err)
	}
}

func TestConcurrentUse(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			u, err := w.CreateUser(context.Background(), UserSpec{Email: fmt.Sprintf("u%d@example.org", i), Active: true})
			if err != nil {
				t.Error(err)
				return
			}
			for range 5 {
				token, err := w.CreateToken(context.Background(), TokenSpec{UserUUID: u.UUID})
				if err != nil {
					t.Error(err)
					return
				}
				got := ask(t, w.Server, "GET", currentUserPath, token.Reveal(), "")
				if got.object["uuid"] != u.UUID {
					t.Errorf("token of %s: %d %s", u.UUID, got.status, got.text)
				}
			}
		})
	}
	wg.Wait()
}

func TestAdministrationRefuses(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	g, err := w.AddGroup(ctx, GroupSpec{Name: "g", Class: "project", OwnerUUID: w.ann.UUID})
	if err != nil {
		t.Fatal(err)
	}
	user := func(spec UserSpec) error { _, err := w.CreateUser(ctx, spec); return err }
	group := func(spec GroupSpec) error { _, err := w.AddGroup(ctx, spec); return err }
	token := func(spec TokenSpec) error { _, err := w.CreateToken(ctx, spec); return err }
	for name, c := range map[string]struct {
		err  error
		want Kind
	}{
		"a good user":           {user(UserSpec{Email: "new@example.org"}), ""},
		"a taken address":       {user(UserSpec{Email: "ann@example.org", Username: "ann2"}), Invalid},
		"a taken name":          {user(UserSpec{Email: "ann@example.com"}), Invalid},
		"no address":            {user(UserSpec{}), Invalid},
		"an odd name":           {user(UserSpec{Email: "x@example.org", Username: "a b"}), Invalid},
		"a good group":          {group(GroupSpec{Name: "g"}), ""},
		"a taken group":         {group(GroupSpec{Name: "g", OwnerUUID: w.ann.UUID}), Invalid},
		"an odd class":          {group(GroupSpec{Name: "h", Class: "filter"}), Invalid},
		"no group name":         {group(GroupSpec{}), Invalid},
		"a good token":          {token(TokenSpec{UserUUID: w.bob.UUID}), ""},
		"a token for nobody":    {token(TokenSpec{UserUUID: "zzzzz-tpzed-aaaaaaaaaaaaaaa"}), NotFound},
		"an odd scope":          {token(TokenSpec{UserUUID: w.bob.UUID, Scopes: []string{"GET"}}), Invalid},
		"a good member":         {w.AddMember(ctx, g.UUID, w.bob.UUID), ""},
		"a member of nothing":   {w.AddMember(ctx, "zzzzz-j7d0g-aaaaaaaaaaaaaaa", w.bob.UUID), NotFound},
		"nobody as member":      {w.AddMember(ctx, g.UUID, "zzzzz-tpzed-aaaaaaaaaaaaaaa"), NotFound},
		"a token without trace": {w.RevokeToken(ctx, "zzzzz-gj3su-aaaaaaaaaaaaaaa"), NotFound},
	} {
		var e *Error
		if errors.As(c.err, &e) != (c.want != "") || (e != nil && e.Kind != c.want) {
			t.Errorf("%s: %v, want kind %q", name, c.err, c.want)
		}
	}
}

func TestUUIDsHaveArvadosForm(t *testing.T) {
	w := newWorld(t)
	for infix, uuid := range map[string]string{"tpzed": w.ann.UUID, "gj3su": strings.Split(w.token, "/")[1]} {
		if !regexp.MustCompile(`^zzzzz-` + infix + `-[0-9a-z]{15}$`).MatchString(uuid) {
			t.Errorf("UUID %q", uuid)
		}
	}
}

func TestTokensDoNotPrint(t *testing.T) {
	w := newWorld(t)
	token := w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID})
	for _, shown := range []string{fmt.Sprint(token), fmt.Sprintf("%v %+v %#v %s %q", token, token, token, token, token)} {
		if strings.Contains(shown, token.secret) {
			t.Errorf("printed: %s", shown)
		}
	}
}

func TestEachKindHasAStatus(t *testing.T) {
	seen := map[int]Kind{}
	for _, k := range Kinds() {
		if other, taken := seen[status(k)]; taken {
			t.Errorf("%s and %s have the same status", k, other)
		}
		seen[status(k)] = k
	}
}

// TestBrokenStorage shows that a failing database is a 503, which clients
// retry, and says nothing of its inside.
func TestBrokenStorage(t *testing.T) {
	w := newWorld(t)
	if got := ask(t, w.Server, "GET", currentUserPath, w.token, ""); got.status != 200 {
		t.Fatalf("before: %d", got.status)
	}
	w.Close()
	got := ask(t, w.Server, "GET", currentUserPath, w.token, "")
	if got.status != 503 || strings.Contains(got.text, "sql") {
		t.Errorf("%d %s, want 503 without details", got.status, got.text)
	}
}
