// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"strings"

	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// touch answers TOUCH /<locator>: the block counts as just written.
func (x *exchange) touch() error {
	hash, err := x.managed()
	if err != nil {
		return err
	}
	return x.Store.Touch(x.r.Context(), hash)
}

// trash answers DELETE /<locator>: copies that are old enough go into the
// trash.
func (x *exchange) trash() error {
	hash, err := x.managed()
	if err != nil {
		return err
	}
	return x.Store.Trash(x.r.Context(), hash)
}

// managed checks the token and reads which block is meant.
func (x *exchange) managed() (locator.Hash, error) {
	if err := x.system(); err != nil {
		return "", err
	}
	l, _, err := x.block()
	if err != nil {
		return "", err
	}
	x.note("block", string(l.Identity()))
	if pseudoblock.Is(l) {
		return "", refuse("bad-locator", "this locator refers to an S3 object, which this server neither keeps nor deletes")
	}
	return l.Hash(), nil
}

// untrash answers PUT /untrash/<hash>: the block comes back out of the trash.
func (x *exchange) untrash() error {
	if err := x.system(); err != nil {
		return err
	}
	if x.Store == nil {
		return refuse("block-not-found", "this server has no volumes: ask another Keep service")
	}
	hash := locator.Hash(strings.TrimPrefix(x.locator(), "untrash/"))
	if err := volume.CheckHash(hash); err != nil {
		return err
	}
	mounts, err := x.Store.Untrash(x.r.Context(), hash)
	x.note("mounts", mounts)
	return err
}
