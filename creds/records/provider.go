// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
)

// provider gives the keys of one record for as long as the record is the one
// to use, which it asks each time: some hold a provider for hours.
type provider struct {
	*asker
	record Record
	// session gives the keys of a role; nil for a record that holds keys.
	session aws.CredentialsProvider
}

// Retrieve returns keys that nobody may use beyond their Expires. Its errors
// are those of [Source.Credentials], except that a token that no longer
// works is an [*creds.Error] of kind [creds.Expired].
func (p *provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	now, err := p.choice(ctx)
	if err == nil && !p.record.serves(now) {
		err = gone(p.rule.Bucket, p.record.UUID)
	}
	if err != nil {
		return aws.Credentials{}, p.held(err)
	}
	got, err := p.keys(ctx, now)
	if err != nil {
		return aws.Credentials{}, p.held(err)
	}
	if !got.CanExpire || now.ExpiresAt.Before(got.Expires) {
		got.CanExpire, got.Expires = true, now.ExpiresAt
	}
	if !p.source.o.Now().Before(got.Expires) {
		return aws.Credentials{}, expiredRecords(p.rule.Bucket, []string{p.record.UUID})
	}
	return got, nil
}

// Ends returns when the record ends, or before that the session of its role.
// The keys of a record are remembered for a shorter time, and then fetched
// again.
func (p *provider) Ends(ctx context.Context) (time.Time, error) {
	now, err := p.choice(ctx)
	if err != nil || p.session == nil {
		return now.ExpiresAt, err
	}
	got, err := p.Retrieve(ctx)
	return got.Expires, err
}

// held makes an error of this package's family of a refusal by the API
// server, which was good to this token a while ago.
func (p *provider) held(err error) error {
	if _, known := err.(*creds.Error); known || !isRefusal(err) {
		return err
	}
	return &creds.Error{Kind: creds.Expired, Err: err, Text: fmt.Sprintf(
		"the Arvados API server no longer lets your token use the credential record %s: get a new token", p.record.UUID)}
}

// serves reports whether what was made for r serves for now too. Keys may be
// replaced within their record; another role is another identity.
func (r Record) serves(now Record) bool {
	return r.UUID == now.UUID && r.Class == now.Class && (r.Class == ClassKeys || r.ExternalID == now.ExternalID)
}

func (p *provider) keys(ctx context.Context, now Record) (aws.Credentials, error) {
	if p.session != nil {
		return p.session.Retrieve(ctx)
	}
	got, err := p.secret(ctx, now)
	return aws.Credentials{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.Secret.Reveal(),
		Source: "credential record", CanExpire: true, Expires: got.ends}, err
}

// Invalidate forgets the choice and the keys, for when S3 refuses them.
func (p *provider) Invalidate() {
	p.source.choices.Renew(p.key)
	p.source.secrets.Renew(p.secretKey(p.record))
	if r, ok := p.session.(creds.Renewer); ok {
		r.Invalidate()
	}
}

// String and GoString keep all of it out of every log.
func (p *provider) String() string { return "the credential record " + p.record.UUID }

// GoString is as String.
func (p *provider) GoString() string { return p.String() }

// role assumes the role of the record.
func (a *asker) role(ctx context.Context, record Record) (creds.Identity, error) {
	as := "the role of " + record.of(a.caller.UserUUID)
	got, err := a.source.o.Roles.Assume(ctx, a.rule, record.ExternalID, a.caller, as)
	if err != nil {
		return creds.Identity{}, err
	}
	if got.Provider == nil { // never unsigned by mistake
		return creds.Identity{}, &creds.Error{Kind: creds.Unavailable, Text: as + " gives no keys: ask the operator"}
	}
	return creds.Identity{Provider: &provider{a, record, got.Provider}, As: as}, nil
}

// timedKeys are keys with their end.
type timedKeys struct {
	Keys
	ends time.Time
}

func (a *asker) secretKey(record Record) string { return a.key + " " + record.UUID }

// secret returns the keys of the record, remembered or fetched.
func (a *asker) secret(ctx context.Context, record Record) (timedKeys, error) {
	return a.source.secrets.Get(ctx, a.secretKey(record), func(ctx context.Context) (timedKeys, time.Time, error) {
		return a.fetch(ctx, record)
	})
}

// fetch counts the life of the keys from before the question.
func (a *asker) fetch(ctx context.Context, record Record) (timedKeys, time.Time, error) {
	ends := a.source.o.Now().Add(Fresh)
	if record.ExpiresAt.Before(ends) {
		ends = record.ExpiresAt
	}
	got, err := a.source.o.API.RecordKeys(ctx, a.caller.Token, record.UUID)
	if err != nil {
		return timedKeys{}, time.Time{}, explainSecret(err, a.rule.Bucket, record.UUID)
	}
	if why := got.fault(); why != "" {
		return timedKeys{}, time.Time{}, badSecret(record.UUID, why)
	}
	return timedKeys{got, ends}, ends, nil
}
