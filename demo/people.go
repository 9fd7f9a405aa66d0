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

// people are two ordinary users of a cluster.
type people struct {
	cluster  string
	ann, bob person
}

type person struct {
	name, username, uuid string
	token                creds.Secret
}

// subject is how the issuer names a person to an STS.
func (p people) subject(who person) string { return p.cluster + ":" + who.uuid }

// makePeople adds two users to the data folder of the API server, before it
// starts. Each run has its own, so that a kept folder works again.
func makePeople(ctx context.Context, dir string) (p people, err error) {
	api, err := apiserver.Open(apiserver.Options{DataDir: dir})
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, api.Close()) }()
	p.cluster = api.ClusterID()
	if p.ann, err = makePerson(ctx, api, "Ann"); err != nil {
		return p, err
	}
	p.bob, err = makePerson(ctx, api, "Bob")
	return p, err
}

func makePerson(ctx context.Context, api *apiserver.Server, name string) (p person, err error) {
	p.name, p.username = name, strings.ToLower(name+rand.Text()[:8])
	user, err := api.CreateUser(ctx, apiserver.UserSpec{Email: p.username + "@localhost", FullName: name + " of the demo", Username: p.username, Active: true})
	if err != nil {
		return p, fmt.Errorf("cannot make the user %s: %w", name, err)
	}
	p.uuid = user.UUID
	token, err := api.CreateToken(ctx, apiserver.TokenSpec{UserUUID: user.UUID, ExpiresAt: time.Now().Add(7 * 24 * time.Hour)})
	if err != nil {
		return p, fmt.Errorf("cannot make a token for %s: %w", name, err)
	}
	p.token = creds.NewSecret(token.Reveal())
	return p, nil
}
