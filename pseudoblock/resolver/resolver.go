// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"context"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// Tokens says who is behind a token. Implementations cache; an error means
// that the token opens nothing now.
type Tokens interface {
	Caller(ctx context.Context, token creds.Secret) (creds.Caller, error)
}

// Reader does the S3 requests. [s3read.Reader] is the implementation.
type Reader interface {
	Open(ctx context.Context, a creds.Access, e pseudoblock.Extent) (*s3read.Body, error)
	Head(ctx context.Context, a creds.Access, o locator.Object) (s3read.Info, error)
}

// Resolver turns locators into reads. All fields are required except Now and
// RequireAware. It is safe for concurrent use.
type Resolver struct {
	Signer   *locator.Signer
	Tokens   Tokens
	Keychain creds.Keychain
	Reader   Reader
	// Buffers bounds the memory that content-form blocks take.
	Buffers *Buffers
	// RequireAware, when it returns true, refuses opaque and derived blocks
	// to clients that do not say that they know pseudo-blocks; an error means
	// that this is not known yet. Nil means false.
	RequireAware func() (bool, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Request is what a server takes out of a client's request.
type Request struct {
	// Locator is the text of the locator.
	Locator string
	// Token is the caller's whole Arvados token.
	Token creds.Secret
	// Aware says that the client announced that it knows pseudo-blocks.
	Aware bool
}

// Resolve checks the request and returns the right to read the block. It
// reads nothing from S3; it asks others only when everything that the locator
// itself can prove is proven.
func (r *Resolver) Resolve(ctx context.Context, req Request) (*Grant, error) {
	l, block, err := r.parse(req)
	if err != nil {
		return nil, err
	}
	right, err := r.authorise(ctx, l, block, req.Token)
	if err != nil {
		return nil, err
	}
	return r.grant(ctx, block, right)
}

// parse turns text into a block that the client may be given.
func (r *Resolver) parse(req Request) (locator.Locator, pseudoblock.Block, error) {
	l, err := locator.Parse(req.Locator)
	if err != nil {
		return l, pseudoblock.Block{}, err
	}
	block, err := pseudoblock.FromLocator(l)
	if err == nil && block.Form != pseudoblock.Content && !req.Aware {
		err = r.checkAware()
	}
	return l, block, err
}

// checkAware decides about clients that did not announce themselves.
func (r *Resolver) checkAware() error {
	if r.RequireAware == nil {
		return nil
	}
	required, err := r.RequireAware()
	if required && err == nil {
		err = &Error{Kind: NotAware, Text: "this block is a reference to an S3 object, which this client would check or cache wrongly: " +
			"use a client that sends X-Keep-Pseudo-Blocks: 1, or import the data in content form"}
	}
	return err
}

// Caller says who is behind a token, if the token still lives and its user is
// active.
func (r *Resolver) Caller(ctx context.Context, token creds.Secret) (creds.Caller, error) {
	caller, err := r.Tokens.Caller(ctx, token)
	if err != nil {
		return caller, err
	}
	caller.Token = token
	if !caller.Active {
		return caller, &Error{Kind: UserInactive, Text: "the account of this token is not active: ask the operator to activate it"}
	}
	return caller, nil
}

func (r *Resolver) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}
