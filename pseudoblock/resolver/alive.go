// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"context"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
)

// alive gives keys for the first request of a read, before which the token was
// checked, and for later ones, such as those that resume a broken reply, if the
// token still lives.
type alive struct {
	aws.CredentialsProvider
	check func(context.Context) error
	used  atomic.Bool
}

func whileAlive(p aws.CredentialsProvider, check func(context.Context) error) aws.CredentialsProvider {
	a := &alive{CredentialsProvider: p, check: check}
	if r, ok := p.(creds.Renewer); ok {
		return renewable{a, r}
	}
	return a
}

// Retrieve returns the keys, or why the token opens nothing now.
func (a *alive) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if a.used.Swap(true) {
		if err := a.check(ctx); err != nil {
			return aws.Credentials{}, err
		}
	}
	return a.CredentialsProvider.Retrieve(ctx)
}

// String and GoString keep what is behind it out of every log.
func (a *alive) String() string { return "the keys of a read" }

// GoString is as String.
func (a *alive) GoString() string { return a.String() }

// renewable is for keys of which there may be new ones.
type renewable struct {
	*alive
	renewer creds.Renewer
}

// Invalidate passes on that the keys were of no use.
func (r renewable) Invalidate() { r.renewer.Invalidate() }
