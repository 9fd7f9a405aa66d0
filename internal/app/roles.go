// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/issuer"
	"github.com/arvados-s3/keepstore/creds/role"
	"github.com/arvados-s3/keepstore/creds/sts"
	"github.com/arvados-s3/keepstore/internal/config"
	"github.com/arvados-s3/keepstore/internal/server"
	"github.com/arvados-s3/keepstore/locator"
)

// roles is what names this server and its users to an STS. Sessions live in
// it, so a reload begins without any.
type roles struct {
	source *role.Source
	issuer *issuer.File // nil without issuer.url
}

func buildRoles(ctx context.Context, c *config.Config, signer *locator.Signer, log *slog.Logger) (*roles, error) {
	own, err := creds.NewIAM(ctx, c.Endpoints)
	if err != nil {
		return nil, err
	}
	o := role.Options{
		STS: sts.New(sts.Options{}), Own: own, ExternalID: externalIDs(c, signer),
		OwnAccount: c.Roles.OwnAccount, Allow: c.Roles.Allow,
	}
	for _, rule := range c.Rules {
		if rule.Mode == creds.IAM && rule.Role != "" {
			o.OwnRoles = append(o.OwnRoles, rule.Role)
		}
	}
	r := &roles{}
	if c.Issuer.URL != "" {
		if r.issuer, err = follow(c, log); err != nil {
			return nil, err
		}
		o.Minter = r.issuer
	}
	r.source, err = role.New(o)
	return r, err
}

// follow tells when it had to make a key, which an operator who only lost sight
// of the file, or has several servers, must know.
func follow(c *config.Config, log *slog.Logger) (*issuer.File, error) {
	missing := checkKeyFile(c.Issuer.KeyFile) != nil
	f, err := issuer.Follow(issuer.Options{
		URL: c.Issuer.URL, KeyFile: c.Issuer.KeyFile, ClusterID: c.ClusterID,
	})
	if err == nil && missing {
		log.Warn("a new key was made for the issuer, since there was no key file: all servers behind issuer.url need the same file", "file", c.Issuer.KeyFile)
	}
	return f, err
}

// publisher is what the server publishes, or nil.
func (r *roles) publisher() server.Issuer {
	if r.issuer == nil {
		return nil // and not a nil *File in an interface
	}
	return r.issuer
}

// look takes up a changed key file of the issuer.
func (r *roles) look(log *slog.Logger) {
	if r.issuer == nil {
		return
	}
	switch changed, err := r.issuer.Look(); {
	case err != nil:
		log.Error("the changed key file of the issuer is not used: the old keys stay", "error", err.Error())
	case changed:
		log.Info("the keys of the issuer have changed: the new ones are published")
	}
}

func externalIDs(c *config.Config, signer *locator.Signer) func(string) string {
	return role.NewExternalIDs(signer.Derive(role.ExternalIDLabel), c.ClusterID)
}

// ExternalID returns what the owner of a role writes into its trust policy for
// a user, or for [role.ServerName]. It is no secret.
func ExternalID(configFile, name string) (string, error) {
	c, err := config.Load(configFile)
	if err != nil {
		return "", err
	}
	if c.ClusterID == "" {
		return "", fmt.Errorf("%s: external ids begin with the cluster: give cluster_id", configFile)
	}
	signer, err := locator.NewSigner([]byte(c.Signing.Key.Reveal()), c.Signing.TTL)
	if err != nil {
		return "", fmt.Errorf("%w: set blob_signing to the key of the cluster", err)
	}
	return externalIDs(c, signer)(name), nil
}
