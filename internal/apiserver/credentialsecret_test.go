// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// releasing is a world whose server gives secrets to those who manage them,
// and its log.
func releasing(t *testing.T) (*world, *bytes.Buffer) {
	t.Helper()
	w, log := newWorld(t), &bytes.Buffer{}
	w.options.ReleaseSecrets = true
	w.options.Log = slog.New(slog.NewJSONHandler(log, nil))
	return w, log
}

// TestSecretAsInArvados: without the setting nobody gets a secret, and those
// who may not see the record do not even learn of it.
func TestSecretAsInArvados(t *testing.T) {
	w := newWorld(t)
	uuid := w.keep(t, w.token)
	expired := w.keep(t, w.token, object{"name": "old", "expires_at": "2025-01-01T00:00:00Z"})
	bob := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID}).Reveal()
	const refused = "Token is not associated with a running container."
	for _, c := range []struct {
		name, token, uuid string
		status            int
		text              string
	}{
		{"manager", w.token, uuid, 403, refused},
		{"administrator", w.adminToken, uuid, 403, refused},
		{"system", w.SystemRootToken(), uuid, 403, refused},
		{"expired", w.token, expired, 403, refused},
		{"stranger", bob, uuid, 404, "Path not found"},
		{"nothing", w.token, "zzzzz-oss07-aaaaaaaaaaaaaaa", 404, "Path not found"},
		{"container form", w.token + "/zzzzz-dz642-000000000000000", uuid, 401, "Not logged in"},
		{"no token", "", uuid, 401, "Not logged in"},
	} {
		got := ask(t, w.Server, "GET", credentialsPath+"/"+c.uuid+"/secret", c.token, "")
		if got.status != c.status || !strings.HasPrefix(got.firstError(), c.text) || strings.Contains(got.text, theSecret) {
			t.Errorf("%s: %d %s", c.name, got.status, got.text)
		}
	}
	w.options.ReleaseSecrets = true // the positive control
	if got := ask(t, w.Server, "GET", credentialsPath+"/"+uuid+"/secret", w.token, ""); got.object["secret"] != theSecret {
		t.Errorf("with the setting: %s", got.text)
	}
}

// TestSecretIsReleased: who gets one when the setting is on.
func TestSecretIsReleased(t *testing.T) {
	w, log := releasing(t)
	uuid := w.keep(t, w.token)
	reader := w.user(t, UserSpec{Email: "reader@example.org", Active: true})
	member := w.user(t, UserSpec{Email: "member@example.org", Active: true})
	group := w.group(t, GroupSpec{Name: "people"})
	w.link(t, "can_manage", member.UUID, group)
	w.link(t, "can_manage", group, uuid)
	w.link(t, "can_write", reader.UUID, uuid)
	path := credentialsPath + "/" + uuid + "/secret"
	token := func(u User, scopes ...string) string {
		return w.tokenFor(t, TokenSpec{UserUUID: u.UUID, Scopes: scopes}).Reveal()
	}
	for _, c := range []struct {
		name, token string
		status      int
	}{
		{"creator", w.token, 200},
		{"creator, limited", token(w.ann, "GET /"), 403},
		{"creator, exactly this", token(w.ann, "GET "+path), 403},
		{"writer", token(reader), 403},
		{"manager by a group", token(member), 403},
		{"administrator", w.adminToken, 403},
		{"system", w.SystemRootToken(), 403},
		{"stranger", token(w.bob), 404},
	} {
		got := ask(t, w.Server, "GET", path, c.token, "")
		if got.status != c.status || strings.Contains(got.text, theSecret) != (c.status == 200) {
			t.Errorf("%s: %d %s, want %d", c.name, got.status, got.text, c.status)
		}
		if c.status == 200 && (len(got.object) != 2 || got.object["external_id"] != "AKIAEXAMPLE") {
			t.Errorf("%s: %s", c.name, got.text)
		}
	}
	said := log.String()
	if strings.Count(said, `"msg":"secret_access"`) != 1 || !strings.Contains(said, uuid) || !strings.Contains(said, w.ann.UUID) || strings.Contains(said, theSecret) {
		t.Errorf("the log says %s", said)
	}
	w.link(t, "can_manage", w.bob.UUID, uuid)
	if got := ask(t, w.Server, "GET", path, token(w.bob), ""); got.status != 200 {
		t.Errorf("after Ann's record was given to Bob: %d %s", got.status, got.text)
	}
}

// TestSecretExpires: to the nanosecond, and then it is gone from the disk.
func TestSecretExpires(t *testing.T) {
	w, log := releasing(t)
	end := w.clock.now().Add(time.Minute)
	uuid := w.keep(t, w.token, object{"expires_at": end.Format(time.RFC3339Nano)})
	path := credentialsPath + "/" + uuid
	w.clock.advance(time.Minute - time.Nanosecond)
	if got := ask(t, w.Server, "GET", path+"/secret", w.token, ""); got.status != 200 {
		t.Fatalf("just before: %d %s", got.status, got.text)
	}
	if !w.onDisk(t, theSecret) {
		t.Error("the secret is not found on the disk while it is there: the search finds nothing")
	}
	w.clock.advance(time.Nanosecond)
	for range 2 { // the second finds it blank
		got := ask(t, w.Server, "GET", path+"/secret", w.token, "")
		if got.status != 403 || got.firstError() != "Credential has expired." {
			t.Errorf("at its end: %d %s", got.status, got.text)
		}
	}
	if w.onDisk(t, theSecret) {
		t.Error("the secret is still in a file")
	}
	if got := ask(t, w.Server, "PATCH", path, w.token, `{"expires_at":"2027-01-01T00:00:00Z"}`); got.status != 422 || !strings.Contains(got.text, "secret can't be blank") {
		t.Errorf("prolonging without a secret: %d %s", got.status, got.text)
	}
	if got := ask(t, w.Server, "PATCH", path, w.token, `{"expires_at":"2027-01-01T00:00:00Z","secret":"fresh"}`); got.status != 200 {
		t.Errorf("renewing: %d %s", got.status, got.text)
	}
	if got := ask(t, w.Server, "GET", path+"/secret", w.token, ""); got.object["secret"] != "fresh" {
		t.Errorf("after renewing: %d %s", got.status, got.text)
	}
	if strings.Contains(log.String(), theSecret) {
		t.Error("the log shows the secret")
	}
}

// TestSecretsGoWithTheirRecords: when a record is deleted or changed, when
// another is written later, and at a start.
func TestSecretsGoWithTheirRecords(t *testing.T) {
	for name, gone := range map[string]func(t *testing.T, w *world, path string){
		"deleted": func(t *testing.T, w *world, path string) { ask(t, w.Server, "DELETE", path, w.token, "") },
		"replaced": func(t *testing.T, w *world, path string) {
			ask(t, w.Server, "PATCH", path, w.token, `{"secret":"other"}`)
		},
		"another": func(t *testing.T, w *world, _ string) {
			w.clock.advance(time.Hour)
			w.keep(t, w.token, object{"name": "later", "secret": "later"})
		},
		"restart": func(t *testing.T, w *world, _ string) {
			w.clock.advance(time.Hour)
			open(t, Options{DataDir: w.options.DataDir, Now: w.clock.now})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			uuid := w.keep(t, w.token, object{"expires_at": w.clock.now().Add(time.Minute).Format(time.RFC3339)})
			if !w.onDisk(t, theSecret) {
				t.Error("the secret is not on the disk before")
			}
			gone(t, w, credentialsPath+"/"+uuid)
			if w.onDisk(t, theSecret) {
				t.Error("the secret is still in a file")
			}
		})
	}
}

// onDisk reports whether a file of the data folder holds the text.
func (w *world) onDisk(t *testing.T, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.options.DataDir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("the files are %v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			return true
		}
	}
	return false
}

// TestDataFolderIsPrivate: secrets are stored as they are, so that no other
// user of the machine may read a file of the folder.
func TestDataFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, Options{DataDir: dir})
	if got := ask(t, s, "POST", credentialsPath, s.SystemRootToken(), body(t, sound())); got.status != 200 {
		t.Fatal(got.text)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 5 { // the database and its two helpers, two secrets
		t.Fatalf("the files are %v, %v", files, err)
	}
	for _, path := range append(files, dir) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", filepath.Base(path), info.Mode())
		}
	}
	s.Close()
	database := filepath.Join(dir, "api.sqlite3")
	if err := os.Chmod(database, 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(Options{DataDir: dir}); err == nil || !strings.Contains(err.Error(), "chmod it to 600") {
		t.Errorf("a database that others can read: %v, %v", s, err)
	}
	if err := os.Chmod(database, 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, Options{DataDir: dir})
}

// TestCredentialsAtOnce: many writers of one name make one record.
func TestCredentialsAtOnce(t *testing.T) {
	w := newWorld(t)
	record, statuses := body(t, sound()), make([]int, 16)
	var wait sync.WaitGroup
	for i := range statuses {
		wait.Go(func() {
			r := httptest.NewRequest("POST", credentialsPath, strings.NewReader(record))
			r.Header.Set("Authorization", "Bearer "+w.token)
			rec := httptest.NewRecorder()
			w.Handler().ServeHTTP(rec, r)
			statuses[i] = rec.Code
		})
	}
	wait.Wait()
	if text := fmt.Sprint(statuses); strings.Count(text, "200") != 1 || strings.Count(text, "422") != 15 {
		t.Errorf("the answers are %s", text)
	}
}
