// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/sts"
	"github.com/arvados-s3/keepstore/internal/memo"
)

const (
	// life is what we ask for: the least that AWS gives.
	// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
	life = 900 * time.Second
	// ahead is how long before its end a session in use is replaced.
	ahead = 5 * time.Minute
	// margin is how long before its real end a session is not used any more.
	margin = 10 * time.Second
	// freshRefusal is how long a refusal is remembered.
	freshRefusal = 5 * time.Second
	// callLimit bounds one question, own credentials and STS together.
	callLimit = 20 * time.Second
	// most bounds the sessions that are remembered.
	most = 10_000
)

// Minter makes the tokens that name users to an STS, which takes those for
// its audience only.
type Minter interface {
	Token(userUUID, audience string) (creds.Secret, error)
}

// STS gives sessions: see [sts.Client].
type STS interface {
	AssumeWithToken(ctx context.Context, r sts.Request, token creds.Secret) (aws.Credentials, error)
	Assume(ctx context.Context, r sts.Request, externalID string, own aws.CredentialsProvider) (aws.Credentials, error)
}

// Options are what a [Source] needs.
type Options struct {
	// STS is required.
	STS STS
	// Minter is needed by endpoints that take web tokens.
	Minter Minter
	// Own is the source of the server's own credentials. It is required.
	Own creds.Source
	// ExternalID returns the external id for a user UUID, or for [ServerName].
	// It is required: see [NewExternalIDs].
	ExternalID func(name string) string
	// OwnAccount is the account whose roles are never assumed in the name of
	// users, or empty.
	OwnAccount string
	// OwnRoles are the ARNs of roles that the server assumes for itself. They
	// are never assumed in the name of users either.
	OwnRoles []string
	// Allow are patterns of the roles that may be assumed in the name of
	// users. None means any that a rule names, and none that a record names.
	Allow []string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Source gives sessions of roles. It is the [creds.Source] of mode role.
type Source struct {
	o        Options
	allow    []creds.RolePattern
	sessions *memo.Memo[aws.Credentials]
}

// New returns a Source that remembers nothing yet.
func New(o Options) (*Source, error) {
	if o.STS == nil || o.Own == nil || o.ExternalID == nil {
		return nil, errors.New("sessions of roles need an STS, the server's own credentials and external ids")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Source{o: o}
	for _, text := range o.Allow {
		pattern, err := creds.ParseRolePattern(text)
		if err != nil {
			return nil, err
		}
		s.allow = append(s.allow, pattern)
	}
	s.sessions = memo.New[aws.Credentials](memo.Options{
		Fresh: life, FreshRefusal: freshRefusal, Ahead: ahead, Timeout: callLimit, Most: most, Refusal: isRefusal, Now: o.Now,
	})
	return s, nil
}

// isRefusal tells what is worth remembering: an answer that the next caller
// would get too. A wrong clock is one, since it does not right itself at once.
func isRefusal(err error) bool {
	e := (*creds.Error)(nil)
	return errors.As(err, &e) && (e.Kind == creds.RoleRefused || e.Kind == creds.ClockSkew)
}

// Credentials returns a session of the rule's role in the name of the caller.
func (s *Source) Credentials(ctx context.Context, rule *creds.Rule, caller creds.Caller) (creds.Identity, error) {
	return s.Assume(ctx, rule, rule.Role, caller, fmt.Sprintf("your session of the role of the access rule for %s", rule.URL()))
}

// Assume returns a session of any role in the name of the caller, for what the
// rule covers. It sends nothing: the STS is asked when the session is first
// used. as is a phrase for sentences, see [creds.Access].
func (s *Source) Assume(_ context.Context, rule *creds.Rule, roleARN string, caller creds.Caller, as string) (creds.Identity, error) {
	if err := checkCaller(rule, caller); err != nil {
		return creds.Identity{}, err
	}
	if err := s.Check(rule, roleARN); err != nil {
		return creds.Identity{}, err
	}
	r := request(rule, roleARN, caller.UserUUID)
	return creds.Identity{As: as, Provider: s.session(r, func(ctx context.Context) (aws.Credentials, error) {
		if rule.Endpoint.NoWebIdentity {
			return s.withExternalID(ctx, rule, r)
		}
		return s.withToken(ctx, r)
	})}, nil
}

func request(rule *creds.Rule, roleARN, name string) sts.Request {
	return sts.Request{Endpoint: rule.Endpoint, Role: roleARN, SessionName: name, Policy: policy(rule), Life: life}
}

// withToken names the user by a token of our issuer.
func (s *Source) withToken(ctx context.Context, r sts.Request) (aws.Credentials, error) {
	if s.o.Minter == nil {
		return aws.Credentials{}, &creds.Error{Kind: creds.Missing, Text: fmt.Sprintf(
			"this server has no issuer of web tokens, which the security token service of the S3 endpoint %s needs: ask the operator", r.Endpoint.Name)}
	}
	token, err := s.o.Minter.Token(r.SessionName, r.Endpoint.Audience)
	if own := (*creds.Error)(nil); errors.As(err, &own) {
		return aws.Credentials{}, own
	}
	if err != nil {
		return aws.Credentials{}, &creds.Error{Kind: creds.Unavailable, Err: err,
			Text: "this server cannot make a web token for you just now: try again, and tell the operator if it lasts"}
	}
	return s.o.STS.AssumeWithToken(ctx, r, token)
}

// withExternalID names whom the session is for by an external id.
func (s *Source) withExternalID(ctx context.Context, rule *creds.Rule, r sts.Request) (aws.Credentials, error) {
	own, err := s.o.Own.Credentials(ctx, rule, creds.Caller{})
	if err != nil {
		return aws.Credentials{}, err
	}
	return s.o.STS.Assume(ctx, r, s.o.ExternalID(r.SessionName), own.Provider)
}
