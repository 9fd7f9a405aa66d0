// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/memo"
)

// How long answers are remembered, and how many.
const (
	// Fresh is the longest time that an answer is used.
	Fresh = 60 * time.Second
	// FreshRefusal is the longest time that a refusal is used.
	FreshRefusal = 5 * time.Second
	// ahead is how long before its end an answer in use is asked for again.
	ahead = 15 * time.Second
	// maxRemembered bounds the answers of each kind, and the refusals.
	maxRemembered = 10_000
	// questionLimit bounds one question to the API server.
	questionLimit = 10 * time.Second
)

// API asks the API server, each time anew. Its errors may have one of the Err
// variables of this package as their cause. An error with a method
// Refusal() bool says by it whether the API server itself said no.
type API interface {
	// Records returns the records that the token can read and that have the
	// scope "s3://<bucket>" or "s3://*": all, or if user is not empty those
	// that this user was the last to change. It need not check them.
	Records(ctx context.Context, token creds.Secret, bucket, user string) ([]Record, error)
	// RecordKeys returns the content of a record of class [ClassKeys].
	RecordKeys(ctx context.Context, token creds.Secret, uuid string) (Keys, error)
}

// Roles assumes roles in the name of callers.
type Roles interface {
	// Check says why this role may not be assumed in the name of users, or
	// nil. It does no I/O.
	Check(rule *creds.Rule, roleARN string) error
	// Assume returns the identity of the role; as says whose role it is.
	Assume(ctx context.Context, rule *creds.Rule, roleARN string, caller creds.Caller, as string) (creds.Identity, error)
}

// Options configure a [Source].
type Options struct {
	API API
	// Roles serves records of class [ClassRole]; nil means that they are left
	// out.
	Roles Roles
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Source is the [creds.Source] of mode token. It is safe for concurrent use.
type Source struct {
	o       Options
	choices *memo.Memo[Record]
	secrets *memo.Memo[timedKeys]
}

// New returns a source that remembers nothing yet.
func New(o Options) *Source {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := memo.Options{Fresh: Fresh, FreshRefusal: FreshRefusal, Ahead: ahead, Timeout: questionLimit,
		Most: maxRemembered, Refusal: isRefusal, Now: o.Now}
	return &Source{o: o, choices: memo.New[Record](m), secrets: memo.New[timedKeys](m)}
}

// Credentials chooses the record and, if it holds keys, fetches them, so that
// what is wrong with it is said before anything is sent to S3.
func (s *Source) Credentials(ctx context.Context, rule *creds.Rule, caller creds.Caller) (creds.Identity, error) {
	if !caller.AllScopes {
		return creds.Identity{}, scopeNeeded(rule.Bucket)
	}
	a := &asker{source: s, rule: rule, caller: caller, key: memoryKey(rule, caller)}
	record, err := a.choice(ctx)
	if err != nil {
		return creds.Identity{}, err
	}
	if record.Class == ClassRole {
		return a.role(ctx, record)
	}
	if _, err := a.secret(ctx, record); err != nil {
		return creds.Identity{}, err
	}
	return creds.Identity{Provider: &provider{a, record, nil}, As: record.of(caller.UserUUID)}, nil
}

// memoryKey covers the whole token, and holds only a hash of it.
func memoryKey(rule *creds.Rule, caller creds.Caller) string {
	sum := sha256.Sum256([]byte(caller.Token.Reveal()))
	return strings.Join([]string{string(sum[:]), caller.UserUUID, strconv.Quote(rule.Endpoint.Name), rule.Bucket}, " ")
}

// asker asks for one caller under one rule.
type asker struct {
	source *Source
	rule   *creds.Rule
	caller creds.Caller
	key    string
}

// choice returns the record to use, remembered or asked for.
func (a *asker) choice(ctx context.Context) (Record, error) {
	record, err := a.source.choices.Get(ctx, a.key, a.ask)
	if err == nil && !a.source.o.Now().Before(record.ExpiresAt) {
		err = expiredRecords(a.rule.Bucket, []string{record.UUID}) // while the question was under way
	}
	return record, err
}

// ask keeps no more of the record than is needed, since scopes may be long.
func (a *asker) ask(ctx context.Context) (Record, time.Time, error) {
	record, err := a.choose(ctx)
	record.Scopes = nil
	return record, record.ExpiresAt, err
}

// choose asks for the user's own records first, which come first anyway: whoever
// shares a flood of records with the user is not in the way of them.
func (a *asker) choose(ctx context.Context) (Record, error) {
	var none error
	for _, user := range slices.Compact([]string{a.caller.UserUUID, ""}) {
		list, err := a.source.o.API.Records(ctx, a.caller.Token, a.rule.Bucket, user)
		if err != nil {
			return Record{}, explain(err, a.rule.Bucket)
		}
		q := question{a.rule.Bucket, a.caller.UserUUID, a.source.o.Now(), a.mayAssume}
		var fit []Record
		if fit, none = q.fitting(list); none == nil {
			return q.best(fit)
		}
	}
	return Record{}, none
}

func (a *asker) mayAssume(arn string) error {
	if a.source.o.Roles == nil {
		return errors.New("this server assumes no roles")
	}
	return a.source.o.Roles.Check(a.rule, arn)
}
