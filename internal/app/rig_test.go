// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/apiserver"
	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/config"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

const ttl = 336 * time.Hour

// rig is a running keepstore with an API server of its own, before MinIO
// (endpoint "lab") and versitygw (endpoint "gw"). A proxy between them logs
// what S3 is asked for.
type rig struct {
	t       *testing.T
	url     string
	config  string // path
	reload  chan os.Signal
	log     *testenv.Output
	stop    func() error // ends the server as SIGTERM does
	lab, gw *faultproxy.Proxy
	api     *apiserver.Server
	apiHTTP *httptest.Server
	// asked, if set, is between keepstore and the API server.
	asked      *faultproxy.Proxy
	apiOptions apiserver.Options
	// wrapAPI, if set, stands before the API server.
	wrapAPI func(http.Handler) http.Handler
	signer  *locator.Signer
	// alice and bob are whole tokens; link is a scoped one of alice.
	alice, bob, link    string
	aliceUUID, bobUUID  string
	labServer, gwServer *testenv.Server
	minioRole           string // see peopleRig
	client              *http.Client
}

// bucket makes a versioned bucket on a server and returns its name.
func bucket(t *testing.T, s *testenv.Server) string {
	return s.Bucket(t, fmt.Sprintf("app-test-%d", number.Add(1)), true)
}

// newRig starts everything. The text is the access and other sections of the
// configuration; LAB and GW in it stand for nothing, buckets are made before.
func newRig(t *testing.T, text string) *rig {
	t.Helper()
	r := &rig{t: t, labServer: servers.MinIO(t), gwServer: servers.Versitygw(t), log: &testenv.Output{}, reload: make(chan os.Signal, 1)}
	r.lab, r.gw = faultproxy.New(t, r.labServer.URL), faultproxy.New(t, r.gwServer.URL)
	r.lab.Set()
	r.gw.Set()
	r.startAPI()
	r.config = filepath.Join(t.TempDir(), "keepstore.yml")
	r.write(text)
	r.serve()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &http.Client{Transport: transport, Timeout: time.Minute}
	return r
}

func (r *rig) startAPI() {
	r.t.Helper()
	r.apiOptions.DataDir = r.t.TempDir()
	api, err := apiserver.Open(r.apiOptions)
	if err != nil {
		r.t.Fatal(err)
	}
	handler := api.Handler()
	if r.wrapAPI != nil {
		handler = r.wrapAPI(handler)
	}
	r.api, r.apiHTTP = api, httptest.NewServer(handler)
	r.t.Cleanup(func() { r.apiHTTP.Close(); _ = api.Close() })
	r.signer, err = locator.NewSigner([]byte(api.BlobSigningKey()), ttl)
	if err != nil {
		r.t.Fatal(err)
	}
	r.aliceUUID, r.alice = r.user("alice")
	r.bobUUID, r.bob = r.user("bob")
	r.link = r.token(apiserver.TokenSpec{UserUUID: r.aliceUUID, Scopes: []string{"GET /arvados/v1/collections/"}})
}

func (r *rig) user(name string) (uuid, token string) {
	r.t.Helper()
	u, err := r.api.CreateUser(context.Background(), apiserver.UserSpec{Email: name + "@example.org", FullName: name, Active: true})
	if err != nil {
		r.t.Fatal(err)
	}
	return u.UUID, r.token(apiserver.TokenSpec{UserUUID: u.UUID})
}

func (r *rig) token(spec apiserver.TokenSpec) string {
	r.t.Helper()
	token, err := r.api.CreateToken(context.Background(), spec)
	if err != nil {
		r.t.Fatal(err)
	}
	return token.Reveal()
}

// write writes the configuration file.
func (r *rig) write(text string) {
	r.t.Helper()
	head := fmt.Sprintf(`listen: 127.0.0.1:0
cluster_id: %s
api: {url: %q}
blob_signing: {key: %s}
management_token: management-of-the-test
endpoints:
  lab: {url: %q, region: %s, path_style: true, access_key_id: %s, secret_access_key: %s}
  gw: {url: %q, region: %s, path_style: true, access_key_id: %s, secret_access_key: %s}
`, r.api.ClusterID(), r.apiHTTP.URL, r.api.BlobSigningKey(),
		r.lab.URL(), testenv.Region, testenv.AccessKey, testenv.SecretKey,
		r.gw.URL(), testenv.Region, testenv.AccessKey, testenv.SecretKey)
	text = strings.ReplaceAll(text, "ALICE", r.aliceUUID)
	if err := os.WriteFile(r.config, []byte(head+text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) serve() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- app.Serve(ctx, app.Options{ConfigFile: r.config, Provided: config.Provided{}, Log: r.log, Reload: r.reload, Ready: func(a string) { ready <- a }})
		close(ended) // for those who ask again
	}()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	r.t.Cleanup(func() { _ = r.stop() })
	select {
	case address := <-ready:
		r.url = "http://" + address
	case err := <-ended:
		r.t.Fatal(err)
	}
	r.waitForLog("listening")
}

// waitForLog waits until the log of the server holds the text.
func (r *rig) waitForLog(text string) {
	r.t.Helper()
	for range 500 {
		if strings.Contains(r.log.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("the log has no %q:\n%s", text, r.log)
}

// put stores an object and returns it pinned.
func put(t *testing.T, s *testenv.Server, bucket, key string, data []byte) locator.Object {
	t.Helper()
	out, err := s.Client(t).PutObject(context.Background(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
	o := locator.Object{Bucket: bucket, Key: key}
	if out.VersionId != nil {
		o.VersionID = *out.VersionId
	}
	return o
}

// locator writes and signs an extent for a token.
func (r *rig) locator(e pseudoblock.Extent, f pseudoblock.Form, token string) string {
	r.t.Helper()
	l, err := e.Locator(f)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.signer.Sign(l, token, time.Now().Add(ttl)).String()
}

// reply is a whole answer.
type reply struct {
	*http.Response
	body string
	err  error // of reading the body
}

// do sends one request. Headers are "Name: value".
func (r *rig) do(method, path, token, body string, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return reply{resp, string(data), err}
}

func (r *rig) get(l, token string, headers ...string) reply {
	r.t.Helper()
	return r.do(http.MethodGet, "/"+l, token, "", headers...)
}

// wantError checks status and word of an error.
func (r *rig) wantError(got reply, status int, word string) {
	r.t.Helper()
	if got.StatusCode != status || got.Header.Get("X-Keep-Error") != word {
		r.t.Errorf("got %d %s %q, want %d %s", got.StatusCode, got.Header.Get("X-Keep-Error"), got.body, status, word)
	}
}

func md5Hash(data string) locator.Hash {
	sum := md5.Sum([]byte(data))
	return locator.Hash(hex.EncodeToString(sum[:]))
}

// encode is the text after +B of any URL, canonical or not.
func encode(url string) string { return base64.RawURLEncoding.EncodeToString([]byte(url)) }

// makePublic lets everyone read and list a bucket.
func makePublic(t *testing.T, s *testenv.Server, bucket string) {
	t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},`+
		`"Action":["s3:GetObject","s3:GetObjectVersion","s3:ListBucket","s3:ListBucketVersions"],"Resource":["arn:aws:s3:::%[1]s","arn:aws:s3:::%[1]s/*"]}]}`, bucket)
	if _, err := s.Client(t).PutBucketPolicy(context.Background(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
}
