// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"errors"
	"time"

	"github.com/arvados-s3/keepstore/creds"
)

// grant is what a rule gives to the caller of this job.
type grant struct {
	creds.Access
	err     error // why the caller may not import under the rule
	checked bool  // an object under the rule was seen to be readable
	asked   time.Time
}

// grant returns what a rule gives to the caller. An import may take hours, so
// it asks again after a moment whether they still may: who remembers the
// answer, and how long, is up to [People].
func (j *job) grant(ctx context.Context, rule *creds.Rule) (*grant, error) {
	g := j.access[rule]
	if g != nil && (g.err != nil || j.now().Sub(g.asked) < progressTime) {
		return g, g.err
	}
	err := j.mayStill(ctx, rule)
	if denied := (*creds.Error)(nil); err != nil && (!errors.As(err, &denied) || denied.Kind != creds.NotAllowed) {
		return nil, err
	}
	if g == nil {
		g = &grant{}
		if err == nil {
			still := func(ctx context.Context) error { return j.mayStill(ctx, rule) }
			if g.Access, err = creds.Live(ctx, j.Keychain, rule, j.caller, still); err != nil {
				return nil, err
			}
		}
		j.access[rule] = g
	}
	g.err, g.asked = err, j.now()
	return g, g.err
}

// mayStill says why the owner of the token may not import under the rule now,
// or nil. Any goroutine may call it.
func (j *job) mayStill(ctx context.Context, rule *creds.Rule) error {
	if j.retired.Load() {
		return &Error{Kind: RulesChanged, Text: "the access rules of this server were changed while the import ran: take it up again, with its resume token if it has one"}
	}
	caller, err := j.Importer.caller(ctx, j.token)
	if err != nil {
		return err
	}
	ok, err := j.mayImport(ctx, rule, &caller, j.token)
	if err == nil && !ok {
		err = &creds.Error{Kind: creds.NotAllowed,
			Text: "the access rule " + rule.URL() + " does not let you import: ask the operator to name you in it"}
	}
	return err
}
