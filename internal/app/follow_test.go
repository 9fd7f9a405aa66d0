// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/issuer"
	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// TestKeyFileIsFollowed: a rotated key is published without a reload, and a
// file that was spoilt changes nothing but the log.
func TestKeyFileIsFollowed(t *testing.T) {
	dir := t.TempDir()
	file, keys := filepath.Join(dir, "keepstore.yml"), filepath.Join(dir, "keys.pem")
	text := `listen: 127.0.0.1:0
cluster_id: zzzzz
api: {url: "http://127.0.0.1:1"}
blob_signing: {key: hunter2}
issuer: {url: "https://keep.example.org", key_file: keys.pem}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, log: &testenv.Output{}}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- app.Serve(ctx, app.Options{ConfigFile: file, Log: r.log, LookEvery: 20 * time.Millisecond, Ready: func(a string) { ready <- a }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	url := "http://" + <-ready + issuer.JWKSPath
	r.waitForLog("a new key was made for the issuer")
	if n := published(t, url); n != 1 {
		t.Fatalf("%d keys at the start", n)
	}
	if _, err := issuer.Rotate(keys, time.Hour, time.Now()); err != nil {
		t.Fatal(err)
	}
	r.waitForLog("the keys of the issuer have changed")
	if n := published(t, url); n != 2 {
		t.Errorf("%d keys after the rotation", n)
	}
	if err := os.WriteFile(keys, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.waitForLog("the old keys stay")
	if n := published(t, url); n != 2 {
		t.Errorf("%d keys after the file was spoilt", n)
	}
	if strings.Contains(r.log.String(), "hunter2") {
		t.Error("the log quotes the key file")
	}
}

// published counts the keys in a JWKS.
func published(t *testing.T, url string) int {
	t.Helper()
	got, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var set struct{ Keys []json.RawMessage }
	if err := json.NewDecoder(got.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	return len(set.Keys)
}

// TestExplainMakesNoKeys: a question answered from a configuration file leaves
// no key file behind, which the server might not be able to read.
func TestExplainMakesNoKeys(t *testing.T) {
	dir := t.TempDir()
	file, keys := filepath.Join(dir, "keepstore.yml"), filepath.Join(dir, "keys.pem")
	text := `cluster_id: zzzzz
api: {url: "http://127.0.0.1:1"}
blob_signing: {key: hunter2}
issuer: {url: "https://keep.example.org", key_file: keys.pem}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	question := importer.Question{URL: "s3://bucket/key", Token: creds.NewSecret("v2/zzzzz-gj3su-000000000000001/x")}
	if _, err := app.Explain(t.Context(), file, question); err == nil || !strings.Contains(err.Error(), "is not there yet") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(keys); err == nil {
		t.Error("the question made a key file")
	}
	if _, err := issuer.New(issuer.Options{URL: "https://keep.example.org", KeyFile: keys, ClusterID: "zzzzz"}); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Explain(t.Context(), file, question); err != nil {
		t.Errorf("with the key file: %v", err)
	}
}
