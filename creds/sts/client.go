// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package sts

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/arvados-s3/keepstore/creds"
)

const (
	// callLimit bounds one call with all its attempts.
	callLimit = 10 * time.Second
	// attempts is how often a call is tried when the service is overloaded.
	attempts = 3
	// pause bounds the time between attempts; the real one is random.
	pause = time.Second
)

// Options are what a [Client] needs.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Pause is the longest time between attempts; zero means a second.
	Pause time.Duration
}

// Client asks for sessions. It is safe for concurrent use and keeps nothing
// between calls, neither connections nor signing keys: calls are rare.
type Client struct {
	now   func() time.Time
	pause time.Duration
}

// New returns a Client.
func New(o Options) *Client {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Client{now: o.Now, pause: cmp.Or(o.Pause, pause)}
}

// Request says which session is wanted.
type Request struct {
	// Endpoint is where: its STSAddress, with its CA file.
	Endpoint *creds.Endpoint
	// Role is the ARN of the role. Its form must have been checked.
	Role string
	// SessionName is what logs of the cloud show.
	SessionName string
	// Policy narrows the rights of the session. It is JSON.
	Policy string
	// Life is how long the session is to live, in whole seconds.
	Life time.Duration
}

// AssumeWithToken asks for a session in the name of the user that the token
// names. The request is not signed. Errors are [*creds.Error].
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func (c *Client) AssumeWithToken(ctx context.Context, r Request, token creds.Secret) (aws.Credentials, error) {
	return c.call(ctx, r, nil, func(ctx context.Context, api *sts.Client) (answer, error) {
		out, err := api.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: &r.Role, RoleSessionName: &r.SessionName, Policy: optional(r.Policy), DurationSeconds: seconds(r.Life),
			WebIdentityToken: aws.String(token.Reveal()),
		})
		if err != nil {
			return answer{}, err
		}
		// MinIO does not say which role it gave. Whatever that is, its rights
		// follow from the token, and so from the user.
		return answer{keys: out.Credentials, user: out.AssumedRoleUser, mayOmitUser: true}, nil
	})
}

// Assume asks for a session with the server's own credentials. The external
// id tells the owner of the role for whom. Errors are [*creds.Error].
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func (c *Client) Assume(ctx context.Context, r Request, externalID string, own aws.CredentialsProvider) (aws.Credentials, error) {
	return c.call(ctx, r, own, func(ctx context.Context, api *sts.Client) (answer, error) {
		out, err := api.AssumeRole(ctx, &sts.AssumeRoleInput{
			RoleArn: &r.Role, RoleSessionName: &r.SessionName, Policy: optional(r.Policy), DurationSeconds: seconds(r.Life),
			ExternalId: &externalID,
		})
		if err != nil {
			return answer{}, err
		}
		return answer{keys: out.Credentials, user: out.AssumedRoleUser}, nil
	})
}

// answer is what both calls give.
type answer struct {
	keys        *types.Credentials
	user        *types.AssumedRoleUser
	mayOmitUser bool
}

// call makes the AWS client anew for each call: a signer that is kept would
// remember signing keys by access key id alone. Without own keys the call is
// one with a token.
func (c *Client) call(ctx context.Context, r Request, own aws.CredentialsProvider,
	do func(context.Context, *sts.Client) (answer, error)) (aws.Credentials, error) {
	wire, err := newWire(r.Endpoint)
	if err != nil {
		return aws.Credentials{}, unavailable(r, err, "cannot be asked as it is configured")
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	got, err := do(ctx, c.client(r, own, wire))
	if err != nil {
		return aws.Credentials{}, c.explain(r, wire, own == nil, err)
	}
	return c.accept(r, wire, got)
}

func (c *Client) client(r Request, own aws.CredentialsProvider, w *wire) *sts.Client {
	return sts.New(sts.Options{
		BaseEndpoint:               aws.String(r.Endpoint.STSAddress()),
		Region:                     r.Endpoint.Region,
		Credentials:                own,
		HTTPClient:                 w,
		DisableClockSkewCorrection: true, // a wrong clock is an error to report
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = attempts, c.pause
			o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				return aws.BoolTernary(w.overloaded(err))
			})}
		}),
	})
}

// accept checks what an answer must hold.
func (c *Client) accept(r Request, w *wire, got answer) (aws.Credentials, error) {
	k := got.keys
	if k == nil || !isKey(k.AccessKeyId) || !isKey(k.SecretAccessKey) || !isKey(k.SessionToken) || k.Expiration == nil {
		return aws.Credentials{}, unavailable(r, errors.New("the answer lacks a key or its end"), "gave no usable session")
	}
	if err := checkUser(r, got); err != nil {
		return aws.Credentials{}, err
	}
	if !c.now().Before(*k.Expiration) {
		return aws.Credentials{}, c.skewed(r, w, errors.New("the session had ended when it came"))
	}
	return aws.Credentials{
		AccessKeyID: *k.AccessKeyId, SecretAccessKey: *k.SecretAccessKey, SessionToken: *k.SessionToken,
		Source: "STS", CanExpire: true, Expires: *k.Expiration,
	}, nil
}

// maxKey bounds each part of a session. AWS sets no limit to session tokens;
// they are below 2 KiB so far.
const maxKey = 16 << 10

// isKey reports whether s can be part of a signed request.
func isKey(s *string) bool {
	if s == nil || *s == "" || len(*s) > maxKey {
		return false
	}
	for i := range len(*s) {
		if (*s)[i] <= ' ' || (*s)[i] > '~' {
			return false
		}
	}
	return true
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func seconds(d time.Duration) *int32 { return aws.Int32(int32(d / time.Second)) }
