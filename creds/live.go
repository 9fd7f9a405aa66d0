// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Live returns access for work that takes longer than credentials may be
// remembered, such as a listing of millions of keys. Under a personal mode its
// provider asks the keychain for every request, so that rights that were
// withdrawn end with the keychain's memory and not with the work.
func Live(ctx context.Context, k Keychain, rule *Rule, caller Caller) (Access, error) {
	access, err := k.Access(ctx, rule, caller)
	if err == nil && rule.Mode.Personal() {
		access.Provider = &live{keychain: k, rule: rule, caller: caller}
	}
	return access, err
}

type live struct {
	keychain Keychain
	rule     *Rule
	caller   Caller

	mu   sync.Mutex
	last aws.CredentialsProvider // guarded by mu
}

// Retrieve returns the keys that the caller has now.
func (l *live) Retrieve(ctx context.Context) (aws.Credentials, error) {
	access, err := l.keychain.Access(ctx, l.rule, l.caller)
	if err != nil {
		return aws.Credentials{}, err
	}
	if access.Provider == nil {
		return aws.Credentials{}, &Error{Kind: Missing, Text: fmt.Sprintf("there are no keys for %s any more: try again", l.rule.URL())}
	}
	l.mu.Lock()
	l.last = access.Provider
	l.mu.Unlock()
	return access.Provider.Retrieve(ctx)
}

// Invalidate passes on that the keys were of no use.
func (l *live) Invalidate() {
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
