// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"context"
	"errors"
	"slices"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// right is what a request may use: an access rule for each extent, and whose
// token it is. A nil rule is an alternative of a content-form block that this
// caller cannot use.
type right struct {
	rules  []*creds.Rule
	caller creds.Caller
}

// authorise finds the access rule of each extent and checks what its mode
// asks for: a permission signature where the bytes come with rights that are
// not the caller's own, a token of full scope where they are.
//
// Whoever has neither a right signature nor a live, full token is told what
// is wrong with the signature, whatever the rules say and however the API
// server answers: a forged locator does not tell which buckets this server
// knows, nor under which mode.
func (r *Resolver) authorise(ctx context.Context, l locator.Locator, block pseudoblock.Block, token creds.Secret) (right, error) {
	if token.IsZero() {
		return right{}, &Error{Kind: NoToken, Text: "the request has no token: send Authorization: Bearer <token>"}
	}
	rules, missing := r.rules(block)
	unsigned := r.verify(l, token)
	switch {
	case unsigned != nil:
		if rules = keep(rules, true); !slices.ContainsFunc(rules, isRule) {
			return right{}, unsigned
		}
	case missing != nil && block.Form != pseudoblock.Content:
		return right{}, missing
	}
	caller, err := r.Caller(ctx, token)
	switch {
	case unsigned != nil && (err != nil || !caller.AllScopes):
		return right{}, unsigned
	case err != nil:
		return right{}, err
	case caller.AllScopes:
		return right{rules, caller}, nil
	case block.Form != pseudoblock.Content && rules[0].Mode.Personal():
		return right{}, linkHasNoRights(rules[0])
	}
	return right{keep(rules, false), caller}, nil
}

// rules returns the access rule of each extent, nil where there is none. The
// error is that of the last extent.
func (r *Resolver) rules(block pseudoblock.Block) (rules []*creds.Rule, missing error) {
	rules = make([]*creds.Rule, len(block.Extents))
	for i, e := range block.Extents {
		rules[i], missing = r.rule(e.Object)
	}
	return rules, missing
}

// keep returns the rules of personal modes, or the others, with nil in the
// place of the rest.
func keep(rules []*creds.Rule, personal bool) []*creds.Rule {
	kept := make([]*creds.Rule, len(rules))
	for i, rule := range rules {
		if rule != nil && rule.Mode.Personal() == personal {
			kept[i] = rule
		}
	}
	return kept
}

func isRule(rule *creds.Rule) bool { return rule != nil }

// linkHasNoRights is for readers who come over a sharing link to data that
// only people with rights of their own can read.
func linkHasNoRights(rule *creds.Rule) error {
	return &creds.Error{Kind: creds.ScopeNeeded, Text: "a sharing link, or another token of limited scope, has no S3 rights of its own, and the data under " +
		rule.URL() + " is read with those of each reader: log in, or let the owner of the collection ask the operator for an access rule of mode iam"}
}

// rule returns the access rule of an object. A reference that is pinned by
// ETag only needs a rule that allows it now, not just when it was made.
func (r *Resolver) rule(o locator.Object) (*creds.Rule, error) {
	rule, err := r.Keychain.Match(o.Bucket, o.Key)
	if err == nil && o.ETag != "" && !rule.EtagPin {
		return nil, &locator.Error{Kind: locator.Unpinned, Text: "the block is pinned by ETag only, which the access rule " + rule.URL() +
			" does not allow: ask the operator for \"unversioned: etag\", or import a version"}
	}
	return rule, err
}

// verify checks the signature over the identity. An opaque locator that a
// stock API server signed carries a signature over the constant hash, which
// any user with one opaque block can obtain: it proves nothing.
func (r *Resolver) verify(l locator.Locator, token creds.Secret) error {
	now := r.now()
	err := r.Signer.Verify(l, token.Reveal(), now)
	if !errors.Is(err, &locator.Error{Kind: locator.BadSignature}) || l.Hash() != locator.Opaque {
		return err
	}
	if r.Signer.VerifyHash(locator.Opaque, l.Signature(), token.Reveal(), now) != nil {
		return err
	}
	return &Error{Kind: NotVouched, Text: "this signature was made by an API server that does not know pseudo-blocks and proves nothing about this object: " +
		"import the object again in derived form"}
}
