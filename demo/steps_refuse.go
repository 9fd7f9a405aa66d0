// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"

	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// forgery returns the locator of one object with the signature of another,
// in the same form: the strongest thing that an attacker can write down.
func forgery(signed, other importer.File) (string, error) {
	l, err := locator.Parse(signed.Locator)
	if err != nil {
		return "", err
	}
	o, err := locator.Parse(other.Locator)
	if err != nil {
		return "", err
	}
	block, err := pseudoblock.FromLocator(o)
	if err != nil {
		return "", err
	}
	forged, err := block.Extents[0].Locator(pseudoblock.Opaque)
	if err != nil {
		return "", err
	}
	return forged.WithSignature(l.Signature()).String(), nil
}

// twoFiles are one that the caller was given and one that the caller was not.
func (t *tour) twoFiles() (mine, other importer.File, err error) {
	if mine, err = t.first.file(t.bucket.objects[0].key); err != nil {
		return
	}
	other, err = t.first.file(t.bucket.objects[1].key)
	return
}

func (t *tour) forge(ctx context.Context) error {
	mine, other, err := t.twoFiles()
	if err != nil {
		return err
	}
	forged, err := forgery(mine, other)
	if err != nil {
		return err
	}
	t.out.sent("GET /<locator of %s with the signature of %s>", other.Path, mine.Path)
	return t.refused(ctx, t.ann(), forged)
}

func (t *tour) otherToken(ctx context.Context) error {
	mine, _, err := t.twoFiles()
	if err != nil {
		return err
	}
	t.out.sent("GET /<Ann's locator of %s> with Bob's token", mine.Path)
	if err := t.refused(ctx, t.as(t.people.bob), mine.Locator); err != nil {
		return err
	}
	bobs, err := t.as(t.people.bob).importURL(ctx, mine.URL)
	if err == nil {
		err = bobs.good()
	}
	if err != nil {
		return err
	}
	body, err := t.as(t.people.bob).fetch(ctx, bobs.files[0])
	t.check(err == nil && sha256.Sum256(body) == t.bucket.objects[0].sum, "Bob's token does read what Bob imported himself, so the token is a good one")
	return nil
}

// refused shows that a read gives 400 and never reaches S3.
func (t *tour) refused(ctx context.Context, c client, text string) error {
	var r reply
	n, err := t.watch(ctx, 0, func() (err error) {
		r, err = c.read(ctx, text, "")
		return err
	})
	if err != nil {
		return err
	}
	t.out.got("%d %s", r.status, r.line())
	t.check(r.status == http.StatusBadRequest && strings.HasPrefix(r.line(), "bad-signature:"), "it is refused with 400 and the word bad-signature")
	t.check(n == 0, "S3 was not asked: its access log has our marks before and after, and nothing between")
	return nil
}
