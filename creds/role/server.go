// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
)

// ServerName stands for the server itself where others are named by their
// UUID: as session name, and for the external id of rules of mode iam.
const ServerName = "keepstore"

// server is the source of mode iam.
type server struct{ *Source }

// Server returns the [creds.Source] of mode iam: the server's own credentials,
// or, where the rule names a role, one session of it for all callers.
func (s *Source) Server() creds.Source { return server{s} }

// Credentials does not look at the caller.
func (s server) Credentials(ctx context.Context, rule *creds.Rule, caller creds.Caller) (creds.Identity, error) {
	if rule.Role == "" {
		return s.o.Own.Credentials(ctx, rule, caller)
	}
	r := request(rule, rule.Role, ServerName)
	return creds.Identity{As: "this server's own role", Provider: s.session(r, func(ctx context.Context) (aws.Credentials, error) {
		return s.withExternalID(ctx, rule, r)
	})}, nil
}
