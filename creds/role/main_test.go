// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/role"
	"github.com/arvados-s3/keepstore/creds/sts"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// servers are shared by the tests of the package.
var servers testenv.Pool

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const (
	alice   = "zzzzz-tpzed-alice0000000000"
	bob     = "zzzzz-tpzed-bob000000000000"
	readers = "arn:aws:iam::111122223333:role/readers"
)

func person(uuid string) creds.Caller {
	return creds.Caller{UserUUID: uuid, Active: true, AllScopes: true}
}

// double is an STS for tests of what is remembered, and when. What an STS
// decides is tested on real ones.
type double struct {
	mu    sync.Mutex
	asked []string // how, for whom
	life  time.Duration
	err   error
	block time.Duration
}

func (d *double) answer(ctx context.Context, how string, r sts.Request) (aws.Credentials, error) {
	d.mu.Lock()
	d.asked = append(d.asked, how+" "+r.SessionName)
	n, err, life, block := len(d.asked), d.err, d.life, d.block
	d.mu.Unlock()
	if block > 0 {
		select {
		case <-time.After(block):
		case <-ctx.Done():
			return aws.Credentials{}, &creds.Error{Kind: creds.Unavailable, Err: ctx.Err()}
		}
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	if life == 0 {
		life = r.Life
	}
	return aws.Credentials{AccessKeyID: fmt.Sprint(r.SessionName, "#", n), SecretAccessKey: "hunter2", SessionToken: "hunter2", CanExpire: true, Expires: time.Now().Add(life)}, nil
}

func (d *double) AssumeWithToken(ctx context.Context, r sts.Request, token creds.Secret) (aws.Credentials, error) {
	return d.answer(ctx, "token "+token.Reveal(), r)
}

func (d *double) Assume(ctx context.Context, r sts.Request, id string, own aws.CredentialsProvider) (aws.Credentials, error) {
	keys, err := own.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return d.answer(ctx, "id "+id+" by "+keys.AccessKeyID, r)
}

func (d *double) calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func (d *double) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// minter makes tokens that say whom they name, and to whom.
type minter struct{}

func (minter) Token(user, audience string) (creds.Secret, error) {
	return creds.NewSecret("T-" + user + audience), nil
}

type own struct{}

func (own) Credentials(context.Context, *creds.Rule, creds.Caller) (creds.Identity, error) {
	return creds.Identity{As: "own", Provider: testenv.Keys("OWN", "hunter2")}, nil
}

func externalID(name string) string { return "X-" + name }

func newSource(t *testing.T, d role.STS, change func(*role.Options)) *role.Source {
	t.Helper()
	o := role.Options{STS: d, Minter: minter{}, Own: own{}, ExternalID: externalID}
	if change != nil {
		change(&o)
	}
	s, err := role.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func onAWS() *creds.Rule {
	return &creds.Rule{Bucket: "partner", Endpoint: &creds.Endpoint{Name: "aws", Region: "us-east-1", Audience: "@aws"}, Mode: creds.Role, Role: readers}
}

// provider is that of the caller under the rule.
func provider(t *testing.T, s creds.Source, rule *creds.Rule, caller creds.Caller) aws.CredentialsProvider {
	t.Helper()
	got, err := s.Credentials(t.Context(), rule, caller)
	if err != nil {
		t.Fatal(err)
	}
	if got.As == "" || strings.Contains(got.As, "arn:") {
		t.Errorf("whose rights these are is told as %q", got.As)
	}
	return got.Provider
}

// want retrieves and compares the access key id, or the kind of error.
func want(t *testing.T, p aws.CredentialsProvider, key string) {
	t.Helper()
	got, err := p.Retrieve(t.Context())
	e := (*creds.Error)(nil)
	switch {
	case err == nil && got.AccessKeyID != key:
		t.Errorf("got %s, want %s", got.AccessKeyID, key)
	case err != nil && (!errors.As(err, &e) || e.Word() != key):
		t.Errorf("got %v, want %s", err, key)
	}
}
