// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/issuer"
	"github.com/arvados-s3/keepstore/creds/role"
	"github.com/arvados-s3/keepstore/creds/sts"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// listener is an STS whose operator keeps the tokens that it gets, by the
// endpoint that they were sent to.
type listener struct {
	role.STS
	mu   sync.Mutex
	kept map[*creds.Endpoint]creds.Secret
}

func (l *listener) AssumeWithToken(ctx context.Context, r sts.Request, token creds.Secret) (aws.Credentials, error) {
	l.mu.Lock()
	l.kept[r.Endpoint] = token
	l.mu.Unlock()
	return l.STS.AssumeWithToken(ctx, r, token)
}

// TestTokenOfAnotherSTS: what one STS gets is worth nothing at another that
// trusts the same issuer, each having an audience of its own.
func TestTokenOfAnotherSTS(t *testing.T) {
	i, url := newIssuer(t)
	var rules [2]*creds.Rule
	for n, audience := range []string{"sts.amazonaws.com", "minio-of-a-partner"} {
		server := testenv.MinIOWithIssuer(t, testenv.OpenID{ConfigURL: url + issuer.DiscoveryPath, Audience: audience, Policies: []string{"readonly"}})
		rules[n] = &creds.Rule{Bucket: "shared", Endpoint: server.Endpoint(""), Mode: creds.Role, Role: server.RoleARN}
		rules[n].Endpoint.Name = audience // sessions are told apart by it
	}
	client := sts.New(sts.Options{})
	l := &listener{STS: client, kept: map[*creds.Endpoint]creds.Secret{}}
	source := newSource(t, l, func(o *role.Options) { o.Minter = i })
	for _, rule := range rules { // each takes its own
		if _, err := provider(t, source, rule, person(alice)).Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	spend := func(heard, at *creds.Rule) error {
		_, err := client.AssumeWithToken(t.Context(), sts.Request{Endpoint: at.Endpoint, Role: at.Role, SessionName: alice, Life: 15 * time.Minute}, l.kept[heard.Endpoint])
		return err
	}
	for n, rule := range rules {
		other := rules[1-n]
		if err := spend(rule, rule); err != nil {
			t.Errorf("the control: %s takes its token once: %v", rule.Endpoint.Audience, err)
		}
		if err := spend(rule, other); !refuses(err) {
			t.Errorf("%s takes the token of %s: %v", other.Endpoint.Audience, rule.Endpoint.Audience, err)
		}
	}
}

func refuses(err error) bool {
	e := (*creds.Error)(nil)
	return errors.As(err, &e) && e.Kind == creds.RoleRefused
}
