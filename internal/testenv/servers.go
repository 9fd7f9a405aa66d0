// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The owner's keys and the region of every server.
const (
	AccessKey = "keepstoretest"
	SecretKey = "keepstore-test-secret"
	Region    = "us-east-1"
)

// MinIO returns a MinIO server.
func (p *Pool) MinIO(t testing.TB) *Server {
	t.Helper()
	return p.get(t, "minio", func(t testing.TB, dir string) *Server {
		address := freeAddress(t)
		env := []string{"MINIO_ROOT_USER=" + AccessKey, "MINIO_ROOT_PASSWORD=" + SecretKey,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1"}
		proc := run(t, dir, "http://"+address+"/minio/health/ready", env,
			Bin(t, "minio"), "server", "--quiet", "--address", address, filepath.Join(dir, "data"))
		return &Server{process: proc, URL: "http://" + address}
	})
}

// Versitygw returns a versitygw server on a directory, with accounts.
func (p *Pool) Versitygw(t testing.TB) *Server {
	t.Helper()
	return p.get(t, "versitygw", func(t testing.TB, dir string) *Server {
		for _, sub := range []string{"iam", "versions", "root"} {
			if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		address := freeAddress(t)
		env := []string{"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey}
		proc := run(t, dir, "http://"+address+"/healthz", env, Bin(t, "versitygw"),
			"--port", address, "--iam-dir", filepath.Join(dir, "iam"), "--iam-cache-disable", "--keep-alive",
			"--health", "/healthz", "--quiet", "posix", "--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "root"))
		return &Server{process: proc, URL: "http://" + address}
	})
}

// GoFakeS3 returns a gofakes3 server in memory. It accepts any keys, ignores
// If-Match, and answers HEAD with the newest version whatever is asked: a
// peer whose replies must not be trusted.
func (p *Pool) GoFakeS3(t testing.TB) *Server {
	t.Helper()
	return p.get(t, "gofakes3", func(t testing.TB, dir string) *Server {
		address := freeAddress(t)
		proc := run(t, dir, "http://"+address+"/", nil, Bin(t, "gofakes3"),
			"-backend", "memory", "-host", address, "-quiet")
		return &Server{process: proc, URL: "http://" + address}
	})
}

// Moto returns a moto server if one is installed ($KEEPSTORE_TEST_BIN or
// PATH); otherwise the second result is false. It is an extra peer, not one
// that the suite depends on.
func (p *Pool) Moto(t testing.TB) (*Server, bool) {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		return nil, false
	}
	return p.get(t, "moto", func(t testing.TB, dir string) *Server {
		address := freeAddress(t)
		host, port, _ := strings.Cut(address, ":")
		proc := run(t, dir, "http://"+address+"/", []string{"INITIAL_NO_AUTH_ACTION_COUNT=9999"}, path, "-H", host, "-p", port)
		return &Server{process: proc, URL: "http://" + address}
	}), true
}
