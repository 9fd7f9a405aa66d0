// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/records"
	"github.com/arvados-s3/keepstore/internal/arvados"
	"github.com/arvados-s3/keepstore/internal/config"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/internal/server"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
	"github.com/arvados-s3/keepstore/s3read"
)

// generation is everything that one configuration leads to. A reload makes a
// new one; requests that began with the old one finish with it.
type generation struct {
	config *config.Config
	state  *server.State
	policy keep.Policy
	roles  *roles
	close  func()
}

// shared is what all generations use.
type shared struct {
	s3     *s3Metrics
	memory *resolver.Buffers
	store  *keep.Store // nil without volumes
}

// build makes a generation. It opens no connection.
func build(ctx context.Context, c *config.Config, all shared, log *slog.Logger) (*generation, error) {
	api, err := arvados.New(arvados.Options{URL: c.API.URL, CAFile: c.API.CAFile})
	if err != nil {
		return nil, err
	}
	signer, err := locator.NewSigner([]byte(c.Signing.Key.Reveal()), c.Signing.TTL)
	if err != nil {
		return nil, fmt.Errorf("%w: set blob_signing to the key of the cluster", err)
	}
	roles, err := buildRoles(ctx, c, signer, log)
	if err != nil {
		return nil, err
	}
	chain, rules, err := buildChain(c, api, roles)
	if err != nil {
		return nil, err
	}
	others, err := newPeer(c, signer)
	if err != nil {
		return nil, err
	}
	watch := watchAPI(api, log)
	reader := s3read.New(s3read.Options{
		Stall: c.Limits.Stall, Total: c.Limits.Total, MinRate: c.Limits.MinRate, MaxRequests: c.Limits.MaxRequests, Observe: all.s3.observe,
	})
	return &generation{
		config: c,
		state: &server.State{
			Resolver: &resolver.Resolver{
				Signer: signer, Tokens: api, Keychain: chain, Reader: reader,
				Buffers:      all.memory,
				RequireAware: requireAware(c.Aware, watch),
			},
			Importer: &importer.Importer{
				People: api, Keychain: chain, Rules: rules, Describer: reader, Lister: reader, Buckets: reader, Signer: signer,
				PseudoBlocks: watch.pseudoBlocks, ServiceUUID: c.KeepServiceUUID, MaxRuns: c.Limits.MaxImports,
				Counter: newCounter(c, api),
			},
			Store:           all.store,
			Signer:          signer,
			SystemRootToken: c.SystemRootToken,
			ManagementToken: c.ManagementToken,
			AllowedOrigins:  c.AllowedOrigins,
			Issuer:          roles.publisher(),
			Total:           c.Limits.Total,
		},
		policy: policy(c, others),
		roles:  roles,
		close: func() {
			watch.close()
			reader.Close()
			api.Close()
			if others != nil {
				others.Close()
			}
		},
	}, nil
}

// activate makes the store follow the configuration of g.
func (g *generation) activate(s *keep.Store) {
	if s != nil {
		s.SetPolicy(g.policy)
	}
}

// close closes the store.
func (a shared) close() error {
	if a.store == nil {
		return nil
	}
	return a.store.Close()
}

// buildChain connects each mode to where its credentials come from.
func buildChain(c *config.Config, api *arvados.Client, roles *roles) (*creds.Chain, []*creds.Rule, error) {
	chain, err := creds.NewChain(c.Rules, map[creds.Mode]creds.Source{
		creds.IAM:       roles.source.Server(),
		creds.Role:      roles.source,
		creds.Token:     records.New(records.Options{API: api, Roles: roles.source}),
		creds.Anonymous: creds.AnonymousSource{},
	})
	if err != nil {
		return nil, nil, err
	}
	rules := make([]*creds.Rule, len(c.Rules))
	for i := range c.Rules {
		rules[i] = &c.Rules[i]
	}
	return chain, rules, nil
}

// requireAware decides whether clients must announce that they know
// pseudo-blocks: always, never, or when the API server is a stock one.
func requireAware(setting config.Aware, w *apiWatch) func() (bool, error) {
	if setting != config.AwareAuto {
		return func() (bool, error) { return setting == config.AwareAlways, nil }
	}
	return func() (bool, error) {
		known, err := w.pseudoBlocks()
		return !known, err
	}
}
