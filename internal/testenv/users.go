// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// User is an account of a server, with keys of its own and no rights at
// first. Its methods may be called by several goroutines.
type User struct {
	// AccessKey names the account. It stays the same when the secret changes.
	AccessKey string

	server *Server
	mu     sync.Mutex
	secret string
}

// accounts is how a server keeps its users.
type accounts interface {
	// set makes a user, or replaces the secret of one that is there.
	set(t testing.TB, s *Server, name, secret string, there bool)
	// allow makes all grants hold, and no others, as far as this user and
	// bucket go.
	allow(t testing.TB, s *Server, user, bucket string, all []grant)
}

// grant is the right to read and list a part of a bucket.
type grant struct{ user, bucket, prefix string }

// User makes an account. The access key begins with the name and is used by no
// other account of the server.
func (s *Server) User(t testing.TB, name string) *User {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts == nil {
		t.Fatalf("%s has no accounts here", s.Name)
	}
	s.users++
	u := &User{AccessKey: fmt.Sprintf("%s-%d", name, s.users), server: s, secret: newSecret()}
	s.accounts.set(t, s, u.AccessKey, u.secret, false)
	return u
}

// newSecret is long and has the characters that encodings change.
func newSecret() string { return "s3cret+/" + rand.Text() }

// Secret is the secret key that is valid now.
func (u *User) Secret() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.secret
}

// Rotate replaces the secret, and returns the new one. The old one is refused
// from then on.
func (u *User) Rotate(t testing.TB) (secret string) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	secret = newSecret()
	u.server.accounts.set(t, u.server, u.AccessKey, secret, true)
	u.secret = secret
	return secret
}

// AllowRead lets the user read all versions of the objects below a prefix, and
// list them. An empty prefix is the whole bucket.
func (u *User) AllowRead(t testing.TB, bucket, prefix string) {
	t.Helper()
	u.change(t, bucket, func(g []grant) []grant { return append(g, grant{u.AccessKey, bucket, prefix}) })
}

// Deny takes back all rights of the user on a bucket.
func (u *User) Deny(t testing.TB, bucket string) {
	t.Helper()
	u.change(t, bucket, func(g []grant) []grant {
		var rest []grant
		for _, one := range g {
			if one.user != u.AccessKey || one.bucket != bucket {
				rest = append(rest, one)
			}
		}
		return rest
	})
}

func (u *User) change(t testing.TB, bucket string, f func([]grant) []grant) {
	t.Helper()
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grants = f(s.grants)
	s.accounts.allow(t, s, u.AccessKey, bucket, s.grants)
}

// Client returns an AWS SDK client with the keys that the user has now.
func (u *User) Client(t testing.TB) *s3.Client {
	t.Helper()
	return u.server.client(t, Keys(u.AccessKey, u.Secret()))
}

// policy writes a policy that allows what the grants say. principal is the
// JSON value of a user in a bucket policy, or nil for a policy of one user. It
// is empty if nothing is granted.
func policy(all []grant, principal func(user string) string) string {
	var statements []string
	for _, g := range all {
		who := ""
		if principal != nil {
			who = fmt.Sprintf(`"Principal":{"AWS":[%q]},`, principal(g.user))
		}
		only := ""
		if g.prefix != "" {
			only = fmt.Sprintf(`,"Condition":{"StringLike":{"s3:prefix":[%q]}}`, g.prefix+"*")
		}
		statements = append(statements,
			fmt.Sprintf(`{"Effect":"Allow",%s"Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":["arn:aws:s3:::%s/%s*"]}`, who, g.bucket, g.prefix),
			fmt.Sprintf(`{"Effect":"Allow",%s"Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":["arn:aws:s3:::%s"]%s}`, who, g.bucket, only))
	}
	if len(statements) == 0 {
		return ""
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// only returns the grants that f accepts.
func only(all []grant, f func(grant) bool) []grant {
	var some []grant
	for _, g := range all {
		if f(g) {
			some = append(some, g)
		}
	}
	return some
}

// setBucketPolicy makes the policy of a bucket be what the grants on it say.
func setBucketPolicy(t testing.TB, s *Server, bucket string, all []grant, principal func(string) string) {
	t.Helper()
	client := s.Client(t)
	text := policy(only(all, func(g grant) bool { return g.bucket == bucket }), principal)
	var err error
	if text == "" {
		_, err = client.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &bucket})
	} else {
		_, err = client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: aws.String(text)})
	}
	if err != nil {
		t.Fatalf("the policy of bucket %s on %s: %v", bucket, s.Name, err)
	}
}
