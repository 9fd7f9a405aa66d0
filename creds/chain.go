// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"context"
	"fmt"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// Chain is the [Keychain] made from access rules and one [Source] per mode.
// It never changes: to change the rules, make another one.
//
// A rule covers a key when the buckets are equal, byte for byte, and the key
// begins with the rule's prefix, which is empty or ends with "/". Of the
// rules that cover a key the one with the longest prefix wins.
//
// Odd keys, those with an empty, "." or ".." segment, are the exception: no
// rule covers them in a bucket that has any rule with a prefix. Some S3
// servers treat keys as file paths. There "public/../private/x" leaves
// "public/", and "x/../private/y" would, under a rule for the whole bucket,
// go around a stricter rule for "private/". A bucket whose only rule is for
// all of it has nothing to go around, so its odd keys are covered, but not
// those that a file path would lead out of the bucket ("../other/x").
type Chain struct {
	buckets map[string]*bucketRules
	sources map[Mode]Source
}

type bucketRules struct {
	whole    *Rule            // prefix "", or nil
	prefixes map[string]*Rule // by prefix
}

// NewChain checks the rules and returns the chain. A rule whose mode has no
// source is accepted; asking for its access is an error of kind [Missing].
func NewChain(rules []Rule, sources map[Mode]Source) (*Chain, error) {
	c := &Chain{buckets: map[string]*bucketRules{}, sources: map[Mode]Source{}}
	for mode, source := range sources {
		c.sources[mode] = source
	}
	for _, rule := range rules {
		if err := rule.Check(); err != nil {
			return nil, err
		}
		if err := c.add(&rule); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Chain) add(rule *Rule) error {
	b := c.buckets[rule.Bucket]
	if b == nil {
		b = &bucketRules{prefixes: map[string]*Rule{}}
		c.buckets[rule.Bucket] = b
	}
	if b.prefixes[rule.Prefix] != nil || rule.Prefix == "" && b.whole != nil {
		return fmt.Errorf("there are two access rules for %s: keep one", rule.URL())
	}
	if rule.Prefix == "" {
		b.whole = rule
		return nil
	}
	b.prefixes[rule.Prefix] = rule
	return nil
}

// Match returns the rule for an object. It does no I/O, and its answer and
// error text do not depend on whether the object exists.
func (c *Chain) Match(bucket, key string) (*Rule, error) {
	return c.match(bucket, key, hasOddSegment(key))
}

// MatchPrefix returns the rule for listing the keys that begin with prefix,
// which need not end with "/". A longer rule may govern some of the keys
// that the listing finds, so each of them still has to be matched by itself.
func (c *Chain) MatchPrefix(bucket, prefix string) (*Rule, error) {
	return c.match(bucket, prefix, prefix != "" && hasOddSegment(prefix))
}

func (c *Chain) match(bucket, text string, odd bool) (*Rule, error) {
	b := c.buckets[bucket]
	if b == nil || odd && (len(b.prefixes) > 0 || leavesBucket(text)) {
		return nil, notAllowed(bucket)
	}
	if rule := b.longest(text); rule != nil {
		return rule, nil
	}
	return nil, notAllowed(bucket)
}

// longest looks up what comes before each "/" of text, from the right, so
// its time depends on the text and not on the number of rules.
func (b *bucketRules) longest(text string) *Rule {
	if len(b.prefixes) == 0 {
		return b.whole
	}
	for end := strings.LastIndexByte(text, '/'); end >= 0; end = strings.LastIndexByte(text[:end], '/') {
		if rule := b.prefixes[text[:end+1]]; rule != nil {
			return rule
		}
	}
	return b.whole
}

// Access asks the source of the rule's mode, and no other.
func (c *Chain) Access(ctx context.Context, rule *Rule, caller Caller) (Access, error) {
	source := c.sources[rule.Mode]
	if source == nil {
		return Access{}, &Error{Kind: Missing, Text: fmt.Sprintf(
			"this server has no credentials of mode %q, which its access rule for %s asks for: ask the operator",
			string(rule.Mode), rule.URL())}
	}
	identity, err := source.Credentials(ctx, rule, caller)
	if err != nil {
		return Access{}, err
	}
	return Access{
		Endpoint:      rule.Endpoint,
		Provider:      identity.Provider,
		As:            identity.As,
		Personal:      rule.Mode.Personal(),
		RequesterPays: rule.RequesterPays,
		EtagPin:       rule.EtagPin,
	}, nil
}

// Check reports what is wrong with the rule by itself, or nil.
func (r *Rule) Check() error {
	if err := locator.CheckBucket(r.Bucket); err != nil {
		return err
	}
	if r.Endpoint == nil {
		return fmt.Errorf("the access rule for %s has no endpoint", r.URL())
	}
	return CheckPrefix(r.Prefix)
}

// CheckPrefix reports why prefix cannot be the prefix of a rule, or nil. It
// is empty, or ends with "/" and holds no odd segment; its bytes are those of
// the keys, with nothing percent-encoded.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if !strings.HasSuffix(prefix, "/") {
		return fmt.Errorf("the prefix of an access rule must end with \"/\"")
	}
	if hasOddSegment(prefix) {
		return fmt.Errorf("the prefix of an access rule must not hold an empty, \".\" or \"..\" segment")
	}
	return locator.CheckKey(prefix)
}
