// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Live returns access for work that takes longer than anything about a caller
// may be remembered, such as a listing of millions of keys. Before every
// request its provider asks still, whose error ends the work, and under a
// personal mode the keychain, so that rights that were withdrawn end with the
// memory of those two and not with the work. What is not signed asks nobody.
func Live(ctx context.Context, k Keychain, rule *Rule, caller Caller, still func(context.Context) error) (Access, error) {
	access, err := k.Access(ctx, rule, caller)
	if err != nil || access.Provider == nil {
		return access, err
	}
	l := &live{keychain: k, rule: rule, caller: caller, still: still, last: access.Provider}
	if _, renews := l.last.(Renewer); renews || rule.Mode.Personal() {
		access.Provider = renewing{l}
	} else {
		access.Provider = l
	}
	return access, nil
}

type live struct {
	keychain Keychain
	rule     *Rule
	caller   Caller
	still    func(context.Context) error

	mu   sync.Mutex
	last aws.CredentialsProvider // guarded by mu
}

// Retrieve returns the keys that the caller has now.
func (l *live) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if err := l.still(ctx); err != nil {
		return aws.Credentials{}, err
	}
	provider, err := l.provider(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return provider.Retrieve(ctx)
}

func (l *live) provider(ctx context.Context) (aws.CredentialsProvider, error) {
	if !l.rule.Mode.Personal() {
		return l.last, nil // never changes then
	}
	access, err := l.keychain.Access(ctx, l.rule, l.caller)
	if err != nil {
		return nil, err
	}
	if access.Provider == nil {
		return nil, &Error{Kind: Missing, Text: fmt.Sprintf("there are no keys for %s any more: try again", l.rule.URL())}
	}
	l.mu.Lock()
	l.last = access.Provider
	l.mu.Unlock()
	return access.Provider, nil
}

// renewing is for keys of which there may be new ones.
type renewing struct{ *live }

// Invalidate passes on that the keys were of no use.
func (l renewing) Invalidate() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.last.(Renewer); ok {
		r.Invalidate()
	}
}

// String and GoString keep what is behind it out of every log.
func (l *live) String() string { return "the keys of the caller for " + l.rule.URL() }

// GoString is as String.
func (l *live) GoString() string { return l.String() }
