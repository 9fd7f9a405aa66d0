// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/testenv"
)

var servers testenv.Pool

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

// withAccounts are the servers that have users.
func withAccounts(t *testing.T) []*testenv.Server {
	all := []*testenv.Server{servers.MinIO(t), servers.Versitygw(t)}
	if testenv.WithCephRGW() {
		all = append(all, servers.CephRGW(t))
	}
	return all
}

// status is what S3 answers to a user who reads or lists.
func status(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return http.StatusOK
	}
	var reply *awshttp.ResponseError
	if !errors.As(err, &reply) {
		t.Fatal(err)
	}
	return reply.HTTPStatusCode()
}

func get(t *testing.T, u *s3.Client, bucket, key, version string) int {
	t.Helper()
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	_, err := u.GetObject(t.Context(), in)
	return status(t, err)
}

func list(t *testing.T, u *s3.Client, bucket, prefix string) int {
	t.Helper()
	_, err := u.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &prefix})
	return status(t, err)
}

func put(t *testing.T, u *s3.Client, bucket, key string) (version string, err error) {
	t.Helper()
	out, err := u.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(key)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.VersionId), nil
}

// TestUsers: what is granted works and what is not does not, on each server.
func TestUsers(t *testing.T) {
	for _, s := range withAccounts(t) {
		t.Run(s.Name, func(t *testing.T) {
			bucket, other := s.Bucket(t, "users", true), s.Bucket(t, "others", true)
			version, err := put(t, s.Client(t), bucket, "a/one")
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"a/one", "b/two"} {
				if _, err := put(t, s.Client(t), bucket, key); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := put(t, s.Client(t), other, "a/one"); err != nil {
				t.Fatal(err)
			}
			alice, bob := s.User(t, "alice"), s.User(t, "bob")
			if got := get(t, alice.Client(t), bucket, "a/one", ""); got != 403 {
				t.Errorf("before any grant: %d", got)
			}
			alice.AllowRead(t, bucket, "a/")
			bob.AllowRead(t, bucket, "")
			a, b := alice.Client(t), bob.Client(t)
			for _, row := range []struct {
				what      string
				got, want int
			}{
				{"alice reads her prefix", get(t, a, bucket, "a/one", ""), 200},
				{"alice reads an old version", get(t, a, bucket, "a/one", version), 200},
				{"alice reads elsewhere", get(t, a, bucket, "b/two", ""), 403},
				{"alice reads another bucket", get(t, a, other, "a/one", ""), 403},
				{"alice lists her prefix", list(t, a, bucket, "a/"), 200},
				{"alice lists everything", list(t, a, bucket, ""), 403},
				{"bob reads everything", get(t, b, bucket, "b/two", ""), 200},
				{"bob lists everything", list(t, b, bucket, ""), 200},
				{"bob reads another bucket", get(t, b, other, "a/one", ""), 403},
			} {
				if row.got != row.want {
					t.Errorf("%s: %d, want %d", row.what, row.got, row.want)
				}
			}
			if _, err := put(t, b, bucket, "b/two"); status(t, err) != 403 {
				t.Errorf("bob, who may read, wrote: %v", err)
			}
			bob.Deny(t, bucket)
			if got, other := get(t, b, bucket, "b/two", ""), get(t, a, bucket, "a/one", ""); got != 403 || other != 200 {
				t.Errorf("after bob was denied: bob %d, alice %d", got, other)
			}
		})
	}
}

// TestRotate: the new secret works and the old one is dead.
func TestRotate(t *testing.T) {
	for _, s := range withAccounts(t) {
		t.Run(s.Name, func(t *testing.T) {
			bucket := s.Bucket(t, "rotated", true)
			if _, err := put(t, s.Client(t), bucket, "key"); err != nil {
				t.Fatal(err)
			}
			u := s.User(t, "carol")
			u.AllowRead(t, bucket, "")
			before, old := u.Client(t), u.Secret()
			if got := get(t, before, bucket, "key", ""); got != 200 {
				t.Fatalf("before: %d", got)
			}
			if secret := u.Rotate(t); secret == old || secret != u.Secret() {
				t.Error("the secret is the old one")
			}
			if was, is := get(t, before, bucket, "key", ""), get(t, u.Client(t), bucket, "key", ""); was != 403 || is != 200 {
				t.Errorf("the old secret %d, the new one %d", was, is)
			}
		})
	}
}
