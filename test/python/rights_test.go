// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds/issuer"
	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

const audience = "sts.amazonaws.com"

// startForShim starts a keepstore whose users MinIO knows by their tokens, and
// which releases the secrets of records to those who manage them. There are
// rules for a bucket with versions, one without, and one that nobody may
// import from; and for one of each mode with rights of the user's own: keys in
// records, roles in records, and a role that lets each user into a folder of
// the name that the tokens have.
func startForShim(t *testing.T, bucket string) *standalone {
	t.Helper()
	s := &standalone{log: &testenv.Output{}}
	address, config, reload := freeAddress(t), filepath.Join(t.TempDir(), "keepstore.yml"), make(chan os.Signal, 1)
	settings := fmt.Sprintf("listen: %s\nrequire_aware_clients: auto\nissuer: {url: \"http://%s\", key_file: %q}\nvolumes: [{driver: directory, root: %q}]\n",
		address, address, filepath.Join(t.TempDir(), "issuer.pem"), t.TempDir())
	write(t, config, settings)
	s.serve(t, config, app.StandaloneOptions{ReleaseSecrets: true, Options: app.Options{Reload: reload}})
	minio := testenv.MinIOWithIssuer(t, testenv.OpenID{ConfigURL: s.keepURL + issuer.DiscoveryPath, Audience: audience, Policies: []string{"users"}})
	s.bucket = minio.Bucket(t, bucket, true)
	rules := s.shimRules(t, minio)
	s.fill(t, minio)
	write(t, config, fmt.Sprintf(`%sroles: {allow: ["arn:minio:iam:*::role/*"]}
endpoints:
  lab: {url: %q, region: %s, path_style: true, access_key_id: %s, secret_access_key: %s}
  users: {url: %q, region: %s, path_style: true}
access:
  - {url: "s3://%s/", endpoint: lab, mode: iam, import: {users: ["*"]}}
%s`, settings, minio.URL, testenv.Region, testenv.AccessKey, testenv.SecretKey, minio.URL, testenv.Region, s.bucket, rules))
	reload <- nil
	s.awaitReload(t)
	return s
}

// shimRules makes the buckets of startForShim but the first, and returns the
// rules for them.
func (s *standalone) shimRules(t *testing.T, minio *testenv.Server) string {
	t.Helper()
	plain, closed := minio.Bucket(t, s.bucket+"-plain", false), minio.Bucket(t, s.bucket+"-closed", true)
	keys, roles, folders := minio.Bucket(t, s.bucket+"-keys", true), minio.Bucket(t, s.bucket+"-roles", true), minio.Bucket(t, s.bucket+"-folders", true)
	minio.SetIAM(t, testenv.IAM{Policies: map[string]string{"users": fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::%[1]s","arn:aws:s3:::%[1]s/*","arn:aws:s3:::%[2]s","arn:aws:s3:::%[2]s/${jwt:sub}/*"]}]}`, roles, folders)}})
	user := minio.User(t, "ann")
	user.AllowRead(t, keys, "")
	s.secrets = []string{user.Secret(), testenv.SecretKey}
	s.extra = []string{
		"TEST_BUCKET_PLAIN=" + plain, "TEST_BUCKET_CLOSED=" + closed, "TEST_S3_URL=" + minio.URL,
		"TEST_S3_ACCESS_KEY=" + testenv.AccessKey, "TEST_S3_SECRET_KEY=" + testenv.SecretKey,
		"TEST_BUCKET_KEYS=" + keys, "TEST_USER_ACCESS_KEY=" + user.AccessKey, "TEST_USER_SECRET_KEY=" + user.Secret(),
		"TEST_BUCKET_ROLES=" + roles, "TEST_BUCKET_FOLDERS=" + folders, "TEST_ROLE=" + minio.RoleARN,
	}
	return fmt.Sprintf(`  - {url: "s3://%s/", endpoint: lab, mode: iam, import: {users: ["*"]}}
  - {url: "s3://%s/", endpoint: lab, mode: iam, import: {users: [zzzzz-tpzed-000000000000099]}}
  - {url: "s3://%s/", endpoint: users, mode: token}
  - {url: "s3://%s/", endpoint: users, mode: token}
  - {url: "s3://%s/", endpoint: users, mode: role, role: %q}
`, plain, closed, keys, roles, folders, minio.RoleARN)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// freeAddress is one that nobody listens on: the issuer's URL must be known
// before keepstore serves it.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// awaitReload waits until new settings are in force.
func (s *standalone) awaitReload(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(s.log.String(), `"reloaded"`); time.Sleep(10 * time.Millisecond) {
		if strings.Contains(s.log.String(), "reload refused") || time.Now().After(deadline) {
			t.Fatalf("the settings did not come into force\n%s", s.tail())
		}
	}
}

// keepsSecrets: no secret key, token for STS or signed URL is in the log.
func (s *standalone) keepsSecrets(t *testing.T) {
	t.Helper()
	for _, secret := range append(s.secrets, "eyJ", "X-Amz-Signature") {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log of keepstore has a secret, %.3s…", secret)
		}
	}
}
