// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
)

// The settings of the Keep server that testdata/vectors/keepstore_http.json
// was recorded from.
const (
	recordedKey  = "pbtestsigningkey0000000000000000000000000000000000000000000000000001"
	rootToken    = "pbtestsystemroottoken0000000000000000000000000000001"
	managerToken = "pbtestmanagementtoken00000000001"
	userToken    = "v2/zzzzz-gj3su-pbtesttoken0001/pbtestusersecret00000000000000000000000000000000001"
)

// newKeep starts a server with volumes. ROOT1, ROOT2, … in the text stand for
// empty folders, whose names are returned.
func newKeep(t *testing.T, text string) (*rig, []string) {
	t.Helper()
	r := &rig{t: t, log: &testenv.Output{}, reload: make(chan os.Signal, 1)}
	r.wrapAPI = func(h http.Handler) http.Handler { return recordedUsers{h} }
	r.startAPI()
	var roots []string
	for i := 1; strings.Contains(text, fmt.Sprintf("ROOT%d", i)); i++ {
		roots = append(roots, t.TempDir())
		text = strings.ReplaceAll(text, fmt.Sprintf("ROOT%d", i), roots[i-1])
	}
	r.config = filepath.Join(t.TempDir(), "keepstore.yml")
	r.writeKeep(text)
	r.serve()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &http.Client{Transport: transport, Timeout: time.Minute}
	return r, roots
}

// recordedUsers is an API server that also knows the tokens of the recording,
// which are not in a form that a real one would make.
type recordedUsers struct{ http.Handler }

// ServeHTTP answers about the recorded tokens and passes on the rest.
func (h recordedUsers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token != userToken && token != rootToken {
		h.Handler.ServeHTTP(w, r)
		return
	}
	_, _ = io.WriteString(w, `{"uuid":"zzzzz-tpzed-000000000000009","owner_uuid":"zzzzz-tpzed-000000000000009","is_active":true,"scopes":["all"]}`)
}

func (r *rig) writeKeep(text string) {
	r.t.Helper()
	signer, err := locator.NewSigner([]byte(recordedKey), ttl)
	if err != nil {
		r.t.Fatal(err)
	}
	r.signer, r.alice = signer, userToken
	head := fmt.Sprintf("listen: 127.0.0.1:0\ncluster_id: zzzzz\napi: {url: %q}\nblob_signing: {key: %s}\nsystem_root_token: %s\nmanagement_token: %s\n",
		r.apiHTTP.URL, recordedKey, rootToken, managerToken)
	if err := os.WriteFile(r.config, []byte(head+text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// putBlock stores data and returns its locator, signed for the user.
func (r *rig) putBlock(data string, headers ...string) string {
	r.t.Helper()
	got := r.do(http.MethodPut, "/"+string(md5Hash(data)), userToken, data, headers...)
	if got.StatusCode != 200 || got.err != nil {
		r.t.Fatalf("PUT: %d %q %v", got.StatusCode, got.body, got.err)
	}
	return strings.TrimSpace(got.body)
}

// sign signs a hash and size for a token.
func (r *rig) sign(hash locator.Hash, size int, token string) string {
	r.t.Helper()
	l, err := locator.New(hash, int64(size))
	if err != nil {
		r.t.Fatal(err)
	}
	return r.signer.Sign(l, token, time.Now().Add(ttl)).String()
}

// blockFile is where a directory volume keeps a block.
func blockFile(root, data string) string {
	hash := string(md5Hash(data))
	return filepath.Join(root, hash[:3], hash)
}

// age makes the copy of a block in a volume look old.
func age(t *testing.T, root, data string, by time.Duration) time.Time {
	t.Helper()
	at := time.Now().Add(-by)
	if err := os.Chtimes(blockFile(root, data), at, at); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(blockFile(root, data))
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

func exists(root, data string) bool {
	_, err := os.Stat(blockFile(root, data))
	return err == nil
}
