// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// standalone is a running keepstore in standalone mode, before MinIO.
type standalone struct {
	apiURL, keepURL, tokenFile, certificate string
	// bucket holds what the JSON file objects describes.
	bucket, objects string
	extra           []string // of the environment
	secrets         []string // that no log may have
	log             *testenv.Output
}

// object describes one object for the scripts.
type object struct {
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
}

// start starts everything in a bucket of its own; aware is the setting
// require_aware_clients, and options are what else differs from the usual.
func start(t *testing.T, bucket, aware string, options app.StandaloneOptions) *standalone {
	t.Helper()
	minio := servers.MinIO(t)
	s := &standalone{log: &testenv.Output{}, bucket: minio.Bucket(t, bucket, true)}
	s.configure(t, minio, aware, "", options)
	return s
}

// configure fills the bucket and starts keepstore with a rule for it, and
// further rules.
func (s *standalone) configure(t *testing.T, minio *testenv.Server, aware, rules string, options app.StandaloneOptions) {
	t.Helper()
	s.fill(t, minio)
	config := filepath.Join(t.TempDir(), "keepstore.yml")
	text := fmt.Sprintf(`listen: 127.0.0.1:0
require_aware_clients: %s
endpoints:
  lab: {url: %q, region: %s, path_style: true, access_key_id: %s, secret_access_key: %s}
access:
  - {url: "s3://%s/", endpoint: lab, mode: iam, import: {users: ["*"]}}
%svolumes: [{driver: directory, root: %q}]
`, aware, minio.URL, testenv.Region, testenv.AccessKey, testenv.SecretKey, s.bucket, rules, t.TempDir())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.serve(t, config, options)
}

func (s *standalone) serve(t *testing.T, config string, o app.StandaloneOptions) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	o.ConfigFile, o.Log, o.Ready = config, s.log, func(address string) { ready <- address }
	o.DataDir, o.APIListen, o.APITLS = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", true
	o.APIReady = func(url, tokenFile string) { s.apiURL, s.tokenFile = url, tokenFile }
	o.APICertificate = func(file string) { s.certificate = file }
	go func() { ended <- app.Standalone(ctx, o) }()
	select {
	case address := <-ready:
		s.keepURL = "http://" + address
	case err := <-ended:
		cancel()
		t.Fatalf("keepstore did not start: %v\n%s", err, s.log)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("keepstore did not stop well: %v", err)
		}
	})
}

// fill puts objects there: empty, small, of odd names, and one that content
// form cuts into two blocks.
func (s *standalone) fill(t *testing.T, minio *testenv.Server) {
	t.Helper()
	client, described := minio.Client(t), map[string]object{}
	source := rand.NewChaCha8([32]byte([]byte("the bytes of the python tests...")))
	sizes := map[string]int{
		"empty": 0, "one": 1, "a b.txt": 1000, "sub/back\\slash:colon": 4096, "sub/deep/caf\u00e9.bin": 100_000,
		"sub/x": 7, "two blocks.bin": 64<<20 + 12345,
	}
	for _, key := range slices.Sorted(maps.Keys(sizes)) {
		data := make([]byte, sizes[key])
		source.Read(data) // never fails
		name := "data/" + key
		if _, err := client.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &s.bucket, Key: &name, Body: bytes.NewReader(data)}); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		described[key] = object{len(data), hex.EncodeToString(sum[:])}
	}
	text, err := json.Marshal(described)
	if err != nil {
		t.Fatal(err)
	}
	s.objects = filepath.Join(t.TempDir(), "objects.json")
	if err := os.WriteFile(s.objects, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tail is the end of keepstore's log.
func (s *standalone) tail() string {
	const most = 8000
	text := s.log.String()
	return text[max(0, len(text)-most):]
}
