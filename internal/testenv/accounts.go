// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// minioAccounts are users with a policy each, of the same name.
type minioAccounts struct{}

func (minioAccounts) set(t testing.TB, s *Server, name, secret string, _ bool) {
	t.Helper()
	s.SetIAM(t, IAM{Users: map[string]string{name: secret}})
}

func (minioAccounts) allow(t testing.TB, s *Server, user, _ string, all []grant) {
	t.Helper()
	text := policy(only(all, func(g grant) bool { return g.user == user }), nil)
	if text == "" { // a policy cannot be empty
		text = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`
	}
	s.SetIAM(t, IAM{Policies: map[string]string{user: text}, Attach: map[string]string{user: user}})
}

// versityAccounts are users who get rights by bucket policies.
type versityAccounts struct{ dir string }

func (v versityAccounts) set(t testing.TB, s *Server, name, secret string, there bool) {
	t.Helper()
	args := []string{"admin", "-a", AccessKey, "-s", SecretKey, "--endpoint-url", s.URL}
	if there {
		args = append(args, "update-user", "--access", name, "--secret", secret)
	} else {
		args = append(args, "create-user", "--access", name, "--secret", secret, "--role", "user")
	}
	command(t, v.dir, nil, Bin(t, "versitygw"), args...)
}

func (v versityAccounts) allow(t testing.TB, s *Server, _, bucket string, all []grant) {
	t.Helper()
	setBucketPolicy(t, s, bucket, all, func(user string) string { return user })
}

// cephAccounts are users who get rights by bucket policies.
type cephAccounts struct{ cluster *ceph }

func (c cephAccounts) set(t testing.TB, _ *Server, name, secret string, there bool) {
	t.Helper()
	verb := "create"
	if there {
		verb = "modify"
	}
	here := *c.cluster
	here.t = t
	here.command("radosgw-admin", "user", verb, "--uid="+name, "--display-name="+name, "--access-key="+name, "--secret-key="+secret)
}

func (c cephAccounts) allow(t testing.TB, s *Server, _, bucket string, all []grant) {
	t.Helper()
	setBucketPolicy(t, s, bucket, all, func(user string) string { return "arn:aws:iam:::user/" + user })
}

// command runs a program to its end with only the given environment, HOME and
// PATH.
func command(t testing.TB, dir string, env []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
}
