// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// AnonymousSource is the [Source] of mode anonymous: requests are not signed.
type AnonymousSource struct{}

// Credentials returns no provider, which means unsigned.
func (AnonymousSource) Credentials(context.Context, *Rule, Caller) (Identity, error) {
	return Identity{As: "an anonymous request"}, nil
}

// IAMSource is the [Source] of mode iam: the server's own credentials, got
// once per endpoint and shared by all callers.
type IAMSource struct {
	providers map[*Endpoint]aws.CredentialsProvider
}

// NewIAM prepares the credentials of each endpoint. Nothing is sent before
// the first use. Only an endpoint with [CredentialsEnvironment] makes it read
// the environment and the AWS files; what is wrong there is reported here.
func NewIAM(ctx context.Context, endpoints map[string]*Endpoint) (*IAMSource, error) {
	s := &IAMSource{providers: map[*Endpoint]aws.CredentialsProvider{}}
	for name, endpoint := range endpoints {
		provider, err := newProvider(ctx, endpoint)
		if err != nil {
			return nil, fmt.Errorf("the credentials of endpoint %s cannot be set up: %w", name, err)
		}
		s.providers[endpoint] = provider
	}
	return s, nil
}

// Credentials returns the provider of the rule's endpoint.
func (s *IAMSource) Credentials(_ context.Context, rule *Rule, _ Caller) (Identity, error) {
	provider := s.providers[rule.Endpoint]
	if provider == nil {
		return Identity{}, &Error{Kind: Missing, Text: fmt.Sprintf(
			"this server has no credentials of its own for the endpoint of %s: ask the operator", rule.URL())}
	}
	return Identity{Provider: provider, As: "this server's own credentials"}, nil
}

func newProvider(ctx context.Context, e *Endpoint) (aws.CredentialsProvider, error) {
	switch e.Credentials {
	case CredentialsStatic:
		return newStatic(e)
	case CredentialsInstance:
		return newInstance(e), nil
	case CredentialsEnvironment:
		return newEnvironment(ctx, e)
	}
	return nil, fmt.Errorf("%q is not one of static, instance and environment", e.Credentials)
}

// static gives the keys of the configuration. It keeps them as secrets, so
// that printing a provider shows nothing.
type static struct{ endpoint *Endpoint }

func newStatic(e *Endpoint) (aws.CredentialsProvider, error) {
	if e.AccessKeyID == "" || e.SecretAccessKey.IsZero() {
		return nil, fmt.Errorf("credentials: static needs an access key id and a secret access key")
	}
	return static{e}, nil
}

// Retrieve returns the keys.
func (s static) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{
		AccessKeyID:     s.endpoint.AccessKeyID,
		SecretAccessKey: s.endpoint.SecretAccessKey.Reveal(),
		SessionToken:    s.endpoint.SessionToken.Reveal(),
		Source:          "keepstore configuration",
	}, nil
}
