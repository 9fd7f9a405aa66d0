// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Caller is the person behind a token, as the API server knows them.
type Caller struct {
	// Token is the whole token of the request. It goes to the API server only.
	Token Secret
	// UserUUID is the Arvados UUID of the user.
	UserUUID string
	// Active is false for a user who may not use the cluster.
	Active bool
	// AllScopes is true for a token that may do everything its user may, and
	// false for a scoped one such as a sharing link.
	AllScopes bool
	// Groups are the UUIDs of the groups that the user is a member of. It is
	// filled only when a decision needs it.
	Groups []string
}

// Access is all that is needed to send signed requests about one object or
// prefix.
type Access struct {
	// Endpoint is where to send them.
	Endpoint *Endpoint
	// Provider signs them; nil means unsigned (anonymous). One that can fetch
	// its credentials again is a [Renewer] too.
	Provider aws.CredentialsProvider
	// As says whose rights these are, for sentences: "your credential record
	// zzzzz-oss07-000000000000000". It names nothing that the caller may not
	// know.
	As string
	// Personal says that these are rights of the caller's own, so that the
	// owner of the bucket can add to them and the operator cannot.
	Personal bool
	// RequesterPays says that the caller accepts to be charged.
	RequesterPays bool
	// EtagPin says that objects without versions may be pinned by ETag.
	EtagPin bool
}

// Source finds the credentials of one mode. It is called with a rule of its
// own mode only, and must be safe for concurrent use.
type Source interface {
	Credentials(ctx context.Context, rule *Rule, caller Caller) (Identity, error)
}

// Identity is what a [Source] found.
type Identity struct {
	// Provider gives the keys; nil means that requests are not signed.
	Provider aws.CredentialsProvider
	// As says whose rights these are: see [Access].
	As string
}

// Renewer is a provider whose credentials S3 may refuse although they look
// good: keys that were replaced, sessions that were revoked.
type Renewer interface {
	aws.CredentialsProvider
	// Invalidate makes the next Retrieve fetch anew, but not more often than
	// every few seconds, since anyone may hold keys that never work.
	Invalidate()
}

// Keychain finds the access for an object.
type Keychain interface {
	// Match returns the rule for bucket and key, or an [*Error] of kind
	// [NotAllowed]. It does no I/O.
	Match(bucket, key string) (*Rule, error)
	// MatchPrefix returns the rule that governs listing a prefix; the keys
	// found still have to be matched one by one. It does no I/O.
	MatchPrefix(bucket, prefix string) (*Rule, error)
	// Access returns the access that the rule gives to the caller.
	Access(ctx context.Context, rule *Rule, caller Caller) (Access, error)
}
