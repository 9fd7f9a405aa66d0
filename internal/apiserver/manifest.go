// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"errors"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// acceptManifest checks a manifest that the caller wants to store and returns
// it without signatures. Who is no administrator must have got every block
// from a Keep service or a collection: a signature for the token proves it.
func (s *Server) acceptManifest(c *caller, text string) (string, manifest.Info, error) {
	now, empty := s.options.Now(), locator.Hash(locator.Empty[:32])
	stored, info, err := manifest.Rewrite(text, func(l locator.Locator) (locator.Locator, error) {
		if pseudoblock.Is(l) {
			if _, err := pseudoblock.FromLocator(l); err != nil {
				return l, err
			}
		}
		if !c.admin && l.Hash() != empty { // no data, nothing to protect
			if err := s.signer.Verify(l, c.presented, now); err != nil {
				return l, &Error{Kind: Forbidden, Text: "the block " + l.Stripped() + " cannot be stored in a collection: " + err.Error(), Err: err}
			}
		}
		return l.Unsigned(), nil
	})
	var known *Error
	if err != nil && !errors.As(err, &known) {
		return "", info, &Error{Kind: Invalid, Text: "manifest_text is not valid: " + err.Error(), Err: err}
	}
	return stored, info, err
}

// signManifest signs the blocks of a manifest for the token of the caller,
// for as long as the collection is there. Those of a trashed one stay
// unsigned.
func (s *Server) signManifest(c *caller, item object) error {
	text, ok := item["manifest_text"].(string)
	if !ok || item["is_trashed"] == true {
		return nil
	}
	expiry := s.options.Now().Add(s.signer.TTL())
	if text, ok := item["trash_at"].(string); ok {
		if end, err := time.Parse(time.RFC3339, text); err == nil && end.Before(expiry) {
			expiry = end
		}
	}
	signed, err := manifest.Map(text, func(l locator.Locator) locator.Locator { return s.signer.Sign(l, c.presented, expiry) })
	item["manifest_text"] = signed
	return storage(err)
}
