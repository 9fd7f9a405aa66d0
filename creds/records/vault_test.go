// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package records_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/records"
)

const (
	ann     = "zzzzz-tpzed-aaaaaaaaaaaaaaa"
	bob     = "zzzzz-tpzed-bbbbbbbbbbbbbbb"
	keysOne = "zzzzz-oss07-000000000000001"
	keysTwo = "zzzzz-oss07-000000000000002"
	annRole = "zzzzz-oss07-000000000000003"
	arn     = "arn:aws:iam::123456789012:role/ann"
)

// vault is an API server's store of credential records, with the rules of
// Arvados, except that it may release secrets to all who can read a record.
type vault struct {
	mu      sync.Mutex
	users   map[string]string // token to user
	entries map[string]*entry // by UUID
	// withhold is the rule of Arvados: secrets for running containers only.
	withhold bool
	down     error
	delay    time.Duration
	calls    map[string]int
}

// entry is a record with its secret, whose text tells its turn.
type entry struct {
	records.Record
	turn    int
	readers map[string]bool
}

func newVault() *vault {
	return &vault{users: map[string]string{"ann-token": ann, "bob-token": bob}, entries: map[string]*entry{}, calls: map[string]int{}}
}

// apiError is an error as those of the real client.
type apiError struct {
	no    bool
	cause error
}

func (e *apiError) Error() string { return "the API server says " + e.cause.Error() }
func (e *apiError) Unwrap() error { return e.cause }
func (e *apiError) Refusal() bool { return e.no }

var (
	errToken = errors.New("not logged in")
	errDown  = &apiError{false, errors.New("nothing")}
)

// change does something to the vault at once.
func (v *vault) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

// store adds a record of keys that the user makes.
func (v *vault) store(uuid, user string, ends time.Time, scopes ...string) {
	v.change(func() {
		v.entries[uuid] = &entry{
			Record:  records.Record{UUID: uuid, Class: records.ClassKeys, Scopes: scopes, ExternalID: "AK" + uuid[23:] + "-0", ExpiresAt: ends, ModifiedBy: user},
			readers: map[string]bool{user: true},
		}
	})
}

// storeRole adds a record of a role.
func (v *vault) storeRole(uuid, user, arn string, ends time.Time, scopes ...string) {
	v.store(uuid, user, ends, scopes...)
	v.change(func() { v.entries[uuid].Class, v.entries[uuid].ExternalID = records.ClassRole, arn })
}

// rotate replaces the keys of a record.
func (v *vault) rotate(uuid string) {
	v.change(func() {
		e := v.entries[uuid]
		e.turn++
		e.ExternalID = "AK" + uuid[23:] + "-" + strconv.Itoa(e.turn)
	})
}

func (v *vault) called(what string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls[what]
}

// begin counts a call and answers what needs no record. What the vault holds
// is looked at when the answer leaves, as slow servers do.
func (v *vault) begin(ctx context.Context, what string, token creds.Secret) (string, error) {
	v.mu.Lock()
	v.calls[what]++
	delay := v.delay
	v.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return "", &apiError{false, ctx.Err()}
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.down != nil {
		return "", v.down
	}
	user := v.users[token.Reveal()]
	if user == "" {
		return "", &apiError{true, errToken}
	}
	return user, nil
}

// Records is of records.API.
func (v *vault) Records(ctx context.Context, token creds.Secret, bucket, of string) ([]records.Record, error) {
	user, err := v.begin(ctx, "list", token)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []records.Record
	for _, uuid := range slices.Sorted(maps.Keys(v.entries)) {
		e := v.entries[uuid]
		if e.readers[user] && (of == "" || of == e.ModifiedBy) && (slices.Contains(e.Scopes, "s3://"+bucket) || slices.Contains(e.Scopes, "s3://*")) {
			list = append(list, e.Record)
		}
	}
	return list, nil
}

// RecordKeys is of records.API.
func (v *vault) RecordKeys(ctx context.Context, token creds.Secret, uuid string) (records.Keys, error) {
	user, err := v.begin(ctx, "secret", token)
	if err != nil {
		return records.Keys{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := v.entries[uuid]; {
	case e == nil || !e.readers[user]:
		return records.Keys{}, &apiError{true, records.ErrNotFound}
	case v.withhold:
		return records.Keys{}, &apiError{true, records.ErrWithheld}
	default:
		return records.Keys{AccessKeyID: e.ExternalID, Secret: creds.NewSecret("secret of " + e.ExternalID)}, nil
	}
}

func tokenRule(bucket string) *creds.Rule {
	return &creds.Rule{Bucket: bucket, Mode: creds.Token, Endpoint: &creds.Endpoint{Name: "minio"}}
}

func caller(token, user string) creds.Caller {
	return creds.Caller{Token: creds.NewSecret(token), UserUUID: user, Active: true, AllScopes: true}
}

func annCaller() creds.Caller { return caller("ann-token", ann) }

// read is what a read asks: the identity, and the keys of its one request.
func read(ctx context.Context, s *records.Source, rule *creds.Rule, c creds.Caller) (aws.Credentials, error) {
	id, err := s.Credentials(ctx, rule, c)
	if err != nil {
		return aws.Credentials{}, err
	}
	return id.Provider.Retrieve(ctx)
}

func wantKeys(t *testing.T, s *records.Source, rule *creds.Rule, c creds.Caller, id string) {
	t.Helper()
	got, err := read(t.Context(), s, rule, c)
	if err != nil || got.AccessKeyID != id || got.SecretAccessKey != "secret of "+id {
		t.Errorf("at %v: %s, %v; want %s", time.Now(), got.AccessKeyID, err, id)
	}
}

// kind returns the kind of an error of package creds, or "" for another.
func kind(err error) creds.Kind {
	if e := new(creds.Error); errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func wantKind(t *testing.T, s *records.Source, rule *creds.Rule, c creds.Caller, want creds.Kind) {
	t.Helper()
	if got, err := read(t.Context(), s, rule, c); kind(err) != want || err == nil {
		t.Errorf("at %v: %s, %v; want %s", time.Now(), got.AccessKeyID, err, want)
	}
}
