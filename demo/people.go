// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/apiserver"
)

// people are the tokens of two ordinary users.
type people struct{ ann, bob creds.Secret }

// makePeople adds two users to the data folder of the API server, before it
// starts. Each run has its own, so that a kept folder works again.
func makePeople(ctx context.Context, dir string) (p people, err error) {
	api, err := apiserver.Open(apiserver.Options{DataDir: dir})
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, api.Close()) }()
	if p.ann, err = makePerson(ctx, api, "ann"); err != nil {
		return p, err
	}
	p.bob, err = makePerson(ctx, api, "bob")
	return p, err
}

func makePerson(ctx context.Context, api *apiserver.Server, name string) (creds.Secret, error) {
	username := name + strings.ToLower(rand.Text()[:8])
	user, err := api.CreateUser(ctx, apiserver.UserSpec{Email: username + "@localhost", FullName: name + " of the demo", Username: username, Active: true})
	if err != nil {
		return creds.Secret{}, fmt.Errorf("cannot make the user %s: %w", name, err)
	}
	token, err := api.CreateToken(ctx, apiserver.TokenSpec{UserUUID: user.UUID, ExpiresAt: time.Now().Add(7 * 24 * time.Hour)})
	if err != nil {
		return creds.Secret{}, fmt.Errorf("cannot make a token for %s: %w", name, err)
	}
	return creds.NewSecret(token.Reveal()), nil
}
