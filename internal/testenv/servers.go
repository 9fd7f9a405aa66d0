// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"os"
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
		proc := run(t, dir, "http://"+address+"/minio/health/ready", minioEnv(),
			Bin(t, "minio"), "server", "--quiet", "--address", address, filepath.Join(dir, "data"))
		s := one(proc, address)
		s.accounts = minioAccounts{}
		return s
	})
}

func minioEnv() []string {
	return []string{"MINIO_ROOT_USER=" + AccessKey, "MINIO_ROOT_PASSWORD=" + SecretKey,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1"}
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
		s := one(proc, address)
		s.accounts = versityAccounts{dir}
		return s
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
		return one(proc, address)
	})
}

// Moto returns a moto server. It is right about versions, and checks no keys.
func (p *Pool) Moto(t testing.TB) *Server {
	t.Helper()
	return p.get(t, "moto", func(t testing.TB, dir string) *Server {
		address := freeAddress(t)
		host, port, _ := strings.Cut(address, ":")
		env := []string{"INITIAL_NO_AUTH_ACTION_COUNT=999999999", "PYTHONDONTWRITEBYTECODE=1"}
		proc := run(t, dir, "http://"+address+"/", env, Bin(t, "moto_server"), "-H", host, "-p", port)
		return one(proc, address)
	})
}

// Rclone returns "rclone serve s3" on a directory. It has no versions, ignores
// If-Match, and answers a request for a range with status 200.
func (p *Pool) Rclone(t testing.TB) *Server {
	t.Helper()
	return p.get(t, "rclone", func(t testing.TB, dir string) *Server {
		root := filepath.Join(dir, "root")
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		address := freeAddress(t)
		proc := run(t, dir, "http://"+address+"/", nil, Bin(t, "rclone"),
			"--config", os.DevNull, "serve", "s3", "--addr", address, "--auth-key", AccessKey+","+SecretKey, "--vfs-cache-mode", "off", root)
		return one(proc, address)
	})
}

// one is a server of one process.
func one(p *process, address string) *Server {
	return &Server{processes: []*process{p}, URL: "http://" + address}
}
