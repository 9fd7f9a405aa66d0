// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"errors"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// authorise finds the access rule of each extent and checks the permission
// signature. It does no I/O. The signature is looked at before a missing rule
// is reported, so that a forged locator does not tell which buckets this
// server knows. Alternatives of a content-form block that no rule covers are
// left out (a nil rule).
func (r *Resolver) authorise(l locator.Locator, block pseudoblock.Block, token creds.Secret) ([]*creds.Rule, error) {
	if token.IsZero() {
		return nil, &Error{Kind: NoToken, Text: "the request has no token: send Authorization: Bearer <token>"}
	}
	rules := make([]*creds.Rule, len(block.Extents))
	var missing error
	for i, e := range block.Extents {
		rules[i], missing = r.rule(e.Object)
	}
	// Every mode of this version gives bytes of the server's own rights, so
	// every read needs the signature.
	if err := r.verify(l, token); err != nil {
		return nil, err
	}
	if block.Form != pseudoblock.Content && missing != nil {
		return nil, missing
	}
	return rules, nil
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
