// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/arvados-s3/keepstore/creds"
)

// takeAway deletes the record with which Bob reads, and stores it again. In
// between he reads all the time, since that must not keep it alive.
func (t *tour) takeAway(ctx context.Context) error {
	bucket := t.keys.first.name
	_, records, err := t.records(ctx, t.people.bob)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(records, func(c credential) bool { return slices.Contains(c.Scopes, "s3://"+bucket) })
	if at < 0 {
		return errors.New("Bob has no record for s3://" + bucket)
	}
	record := records[at].UUID
	t.out.sent("DELETE /arvados/v1/credentials/%s, by Bob, who then goes on reading", record)
	if _, err := t.api(ctx, t.people.bob, http.MethodDelete, "credentials/"+record, nil, nil); err != nil {
		return err
	}
	refused, after, err := t.readUntil(ctx, http.StatusForbidden, 2*time.Minute)
	if err != nil {
		return err
	}
	t.out.got("%d %s", refused.status, refused.told())
	t.check(refused.word() == string(creds.Missing), "the keys no longer work, though they were in use: after %.0f s, of 60 at most", after.Seconds())
	t.out.sent("POST /arvados/v1/credentials again")
	if err := t.storeRecord(ctx, t.people.bob, bucket, t.keys.bobKey[0]); err != nil {
		return err
	}
	_, after, err = t.readUntil(ctx, http.StatusOK, time.Minute)
	t.check(err == nil, "with new keys Bob reads again (after %.0f s)", after.Seconds())
	return err
}

// readUntil reads a file as Bob until the answer has a status.
func (t *tour) readUntil(ctx context.Context, status int, limit time.Duration) (reply, time.Duration, error) {
	var c collection
	if _, err := t.api(ctx, t.people.bob, http.MethodGet, "collections/"+t.keys.shared.UUID, nil, &c); err != nil {
		return reply{}, 0, err
	}
	signed, err := t.keys.locators(c.Text)
	if err != nil {
		return reply{}, 0, err
	}
	for start := time.Now(); ; {
		r, err := t.as(t.people.bob).read(ctx, signed[0][0].text, "")
		if err != nil || r.status == status {
			return r, time.Since(start), err
		}
		if time.Since(start) > limit {
			return r, 0, fmt.Errorf("reading as Bob still gives %d after %v", r.status, limit)
		}
		select {
		case <-ctx.Done():
			return r, 0, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
