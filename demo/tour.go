// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// tour leads through the steps. Later steps use what earlier ones brought.
type tour struct {
	*stage
	out     *printer
	slow    bool // also show what takes a minute
	checks  int
	failure error // the first check that failed
	// first is the import of step 2.
	first imported
	// study is the UUID of a collection of what is in the bucket, and updated an
	// object that was overwritten since.
	study   string
	updated *object
}

// step is one stop of the tour.
type step struct {
	title, why string
	run        func(*tour, context.Context) error
}

func (t *tour) steps() []step {
	all := slices.Concat(firstSteps(), fileSteps(), keySteps())
	if t.slow {
		all = append(all, slowSteps()...)
	}
	if t.roles != nil {
		all = append(all, roleSteps()...)
	}
	return all
}

// firstSteps show references under one blanket right, that of keepstore.
func firstSteps() []step {
	return []step{
		{"The S3 server is a real one", "what follows proves something only if S3 checks signatures and keepstore cannot write.", (*tour).realS3},
		{"Import a prefix", "data that lies in S3 becomes Keep blocks where it is: no copy, no index.", (*tour).importPrefix},
		{"Count what was imported", "an import that leaves something out must say what, and why.", (*tour).count},
		{"Read every block and compare", "one wrong byte would make everything else worthless.", (*tour).readAll},
		{"Explain a locator", "there is no index: the locator itself says where the bytes are.", (*tour).explain},
		{"Read a part", "a tool that needs 100 bytes of a large file should not wait for all of it.", (*tour).readPart},
		{"The manifest, and the same import again", "a dataset has one name, whoever imports it and whenever.", (*tour).manifest},
		{"Overwrite the object in S3, then delete it", "the bytes that were imported are the bytes that one gets, for ever.", (*tour).overwrite},
		{"Forge a locator", "keepstore may read the whole bucket; its callers may not.", (*tour).forge},
		{"Use a locator with another user's token", "a locator that leaks is of no use without the token it was made for.", (*tour).otherToken},
		{"Mix with ordinary blocks", "a dataset in S3 gets a README, an index or a corrected file for the price of that file.", (*tour).mix},
	}
}

func (t *tour) run(ctx context.Context, steps []step) error {
	start := time.Now()
	for n, s := range steps {
		t.out.step(n+1, s.title, s.why)
		if err := s.run(t, ctx); err != nil {
			return fmt.Errorf("step %d (%s): %w", n+1, s.title, err)
		}
		if t.failure != nil {
			return fmt.Errorf("step %d (%s): this check failed: %w", n+1, s.title, t.failure)
		}
	}
	t.out.say("\nAll %d checks passed in %s.", t.checks, since(start))
	return nil
}

// check tells the result of a check, and keeps the first that failed. The
// text says what is true when it passes.
func (t *tour) check(ok bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	t.checks++
	t.out.check(ok, text)
	if !ok && t.failure == nil {
		t.failure = fmt.Errorf("%s", text)
	}
}

func (t *tour) as(p person) client { return client{url: t.service.url, token: p.token} }

func (t *tour) ann() client { return t.as(t.people.ann) }

// watch returns how many requests reach the first bucket while f runs, of
// which it waits for as many as there should be.
func (t *tour) watch(ctx context.Context, want int, f func() error) (int, error) {
	visits, err := witness{t.bucket, t.gateway.visits}.during(ctx, want, f)
	return len(visits), err
}
