// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// rig is a keepstore in standalone mode with a bucket of its own.
type rig struct {
	t       testing.TB
	s3      *s3.Client
	server  *testenv.Server
	bucket  string
	apiURL  string
	keepURL string
	// admin is the first user.
	admin *collection.Client
	api   *api.Client
	log   *testenv.Output

	// lab stands between keepstore and the keys below "many/".
	lab        *faultproxy.Proxy
	dir        string
	apiAddress string
	cmd        *exec.Cmd
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigOn(t, servers.MinIO(t), true)
}

// newRigOn is a rig with a bucket on some server. In one without versions, keys
// below "many/" may be pinned by ETag, and others not.
func newRigOn(t testing.TB, server *testenv.Server, versioned bool) *rig {
	t.Helper()
	r := &rig{t: t, server: server, s3: server.Client(t), log: &testenv.Output{}, dir: t.TempDir(), lab: faultproxy.New(t, server.URL)}
	r.bucket = server.Bucket(t, fmt.Sprintf("collection-test-%d", number.Add(1)), versioned)
	weak := ""
	if !versioned {
		weak = ", unversioned: etag"
	}
	text := fmt.Sprintf(`listen: %s
endpoints:
  lab: {url: %q, region: %s, path_style: true, access_key_id: %s, secret_access_key: %s}
  direct: {url: %q, region: %s, path_style: true, access_key_id: %s, secret_access_key: %s}
access:
  - {url: "s3://%s/many/", endpoint: lab, mode: iam, import: {users: ["*"]}%s}
  - {url: "s3://%s/", endpoint: direct, mode: iam, import: {users: ["*"]}}
volumes: [{driver: directory, root: %q}]
`, freeAddress(t), r.lab.URL(), testenv.Region, testenv.AccessKey, testenv.SecretKey,
		server.URL, testenv.Region, testenv.AccessKey, testenv.SecretKey, r.bucket, weak, r.bucket, t.TempDir())
	if err := os.WriteFile(filepath.Join(r.dir, "keepstore.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.apiAddress = freeAddress(t)
	t.Cleanup(r.stop)
	r.start()
	token, err := os.ReadFile(filepath.Join(r.dir, "data", "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	r.api, r.admin = r.user(strings.TrimSpace(string(token)), collection.Options{})
	return r
}

// freeAddress returns a loopback address that nobody listens on right now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts the binary and waits until it says where it listens.
func (r *rig) start() {
	r.t.Helper()
	r.cmd = exec.Command(binary, "standalone", "--config", filepath.Join(r.dir, "keepstore.yml"),
		"--data", filepath.Join(r.dir, "data"), "--api-listen", r.apiAddress)
	r.cmd.Env = []string{"HOME=" + r.dir}
	r.cmd.Stderr = r.log
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.keepURL = ""
	for lines := bufio.NewScanner(out); r.keepURL == "" && lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "API server: "); ok {
			r.apiURL = url
		}
		if url, ok := strings.CutPrefix(lines.Text(), "Keep service: "); ok {
			r.keepURL = url
		}
	}
	if r.keepURL == "" || r.apiURL == "" {
		r.t.Fatalf("keepstore did not start:\n%s", r.tail())
	}
}

// stop ends the server as an operator does.
func (r *rig) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("keepstore ended with %v:\n%s", err, r.tail())
	}
}

// kill ends the server at once.
func (r *rig) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait() // it was killed
}

// restart makes the server forget what it remembers.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

// user returns clients with a token.
func (r *rig) user(token string, o collection.Options) (*api.Client, *collection.Client) {
	r.t.Helper()
	a, err := api.New(api.Settings{Host: r.apiURL, Token: api.NewToken(token)})
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := collection.NewClient(a, o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close(); a.Close() })
	return a, c
}

// newUser makes an active user.
func (r *rig) newUser(name string) (uuid string, c *collection.Client) {
	r.t.Helper()
	var user, token struct {
		UUID     string
		APIToken string `json:"api_token"`
	}
	r.call(http.MethodPost, "users", api.Params{"user": map[string]any{"email": name + "@example.org", "first_name": name, "is_active": true}}, &user)
	r.call(http.MethodPost, "api_client_authorizations", api.Params{"api_client_authorization": map[string]any{"owner_uuid": user.UUID}}, &token)
	_, c = r.user("v2/"+token.UUID+"/"+token.APIToken, collection.Options{})
	return user.UUID, c
}

// call sends a request of the administrator.
func (r *rig) call(method, path string, params api.Params, into any) {
	r.t.Helper()
	if err := r.api.Call(context.Background(), method, "arvados/v1/"+path, params, into); err != nil {
		r.t.Fatal(err)
	}
}

// share lets somebody read a collection.
func (r *rig) share(collection, user string) {
	r.t.Helper()
	r.call(http.MethodPost, "links", api.Params{"link": map[string]any{
		"link_class": "permission", "name": "can_read", "tail_uuid": user, "head_uuid": collection}}, nil)
}

// through returns a client of the administrator that asks these Keep services.
func (r *rig) through(urls ...string) *collection.Client {
	r.t.Helper()
	_, c := r.user(r.api.Settings().Token.Reveal(), collection.Options{Keep: keep.Options{Services: urls, Stall: 10 * time.Second}})
	return c
}

// behind returns a client of the administrator that reaches the API server
// through a proxy.
func (r *rig) behind(url string) *collection.Client {
	r.t.Helper()
	a, err := api.New(api.Settings{Host: url, Token: r.api.Settings().Token})
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := collection.NewClient(a, collection.Options{Keep: keep.Options{Services: []string{r.keepURL}}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close(); a.Close() })
	return c
}

// put stores an object and returns its version.
func (r *rig) put(key string, data []byte) string {
	r.t.Helper()
	out, err := r.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &r.bucket, Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		r.t.Fatal(err)
	}
	return aws.ToString(out.VersionId)
}

// remove deletes an object, or one version of it.
func (r *rig) remove(key, version string) {
	r.t.Helper()
	in := &s3.DeleteObjectInput{Bucket: &r.bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	if _, err := r.s3.DeleteObject(context.Background(), in); err != nil {
		r.t.Fatal(err)
	}
}

// url is the S3 URL of a key or prefix without odd characters.
func (r *rig) url(key string) string { return "s3://" + r.bucket + "/" + key }

// imported makes a collection of a prefix.
func (r *rig) imported(c *collection.Client, prefix string) (*collection.Collection, *collection.ImportResult) {
	r.t.Helper()
	made := c.New()
	result, err := made.ImportFromS3(r.t.Context(), []collection.Source{{URL: r.url(prefix)}}, collection.ImportOptions{})
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.tail())
	}
	return made, result
}

// bytesOf are bytes that differ everywhere.
func bytesOf(seed byte, n int) []byte {
	data := make([]byte, n)
	source := rand.NewChaCha8([32]byte{seed})
	_, _ = source.Read(data) // never fails
	return data
}

func (r *rig) tail() string {
	const most = 8000
	text := r.log.String()
	return text[max(0, len(text)-most):]
}

// wantBytes reads a file and compares.
func wantBytes(t testing.TB, c *collection.Collection, name string, want []byte) {
	t.Helper()
	got, err := c.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes, want %d: %v", name, len(got), len(want), err)
	}
}
