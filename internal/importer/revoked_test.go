// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"io"
	"iter"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
)

// leaving is a user whose rights end: the token, the full scope, the account or
// the membership of a group, whichever the test sets.
type leaving struct {
	people
	im                *Importer
	dead              error
	link, asleep, out bool
}

func (l *leaving) Caller(ctx context.Context, token creds.Secret) (creds.Caller, error) {
	caller, err := l.people.Caller(ctx, token)
	if l.dead != nil {
		return creds.Caller{}, l.dead
	}
	caller.AllScopes, caller.Active = !l.link, !l.asleep
	return caller, err
}

func (l *leaving) Groups(ctx context.Context, token creds.Secret, user string) ([]string, error) {
	if l.out {
		return nil, nil
	}
	return l.people.Groups(ctx, token, user)
}

// tellingSink calls then when the first file is told.
type tellingSink struct {
	lines
	then func()
}

func (s *tellingSink) Line(line any) error {
	if _, ok := line.(File); ok && len(s.files) == 0 {
		s.then()
	}
	return s.lines.Line(line)
}

// TestImportEndsWithTheRight: an import that is under way goes on no longer than
// the right to begin it, in every mode; that it had several sources left does
// not turn the refusal into skipped lines.
func TestImportEndsWithTheRight(t *testing.T) {
	changes := map[string]struct {
		do   func(*leaving)
		word string
	}{
		"control":     {func(*leaving) {}, ""},
		"reloaded":    {func(l *leaving) { l.im.Retire() }, "rules-changed"},
		"revoked":     {func(l *leaving) { l.dead = &creds.Error{Kind: "token-refused", Text: "revoked"} }, "token-refused"},
		"narrowed":    {func(l *leaving) { l.link = true }, "scope-needed"},
		"deactivated": {func(l *leaving) { l.asleep = true }, "scope-needed"},
	}
	requests := map[string]Request{
		"iam":       prefix("s3://data/"),
		"anonymous": prefix("s3://part/open/"),
		"role":      prefix("s3://roles/"),
		"token":     prefix("s3://own/"),
		"objects":   {Sources: []Source{{URL: "s3://data/open/a"}, {URL: "s3://part/open/b"}, {URL: "s3://roles/open/c"}}},
		"prefixes":  {Sources: []Source{{URL: "s3://data/open/", Path: "1"}, {URL: "s3://part/open/", Path: "2"}, {URL: "s3://roles/open/", Path: "3"}}},
	}
	for what, request := range requests {
		for how, change := range changes {
			im := everyMode(t)
			who := &leaving{im: im}
			im.People = who
			sink := &tellingSink{then: func() { change.do(who) }}
			now := epoch
			im.Now = func() time.Time { now = now.Add(progressTime); return now }
			err := im.Run(t.Context(), request, creds.NewSecret("alice"), sink, io.Discard)
			switch {
			case change.word == "" && (err != nil || len(sink.files) < 3):
				t.Errorf("%s, %s: %v, %d files", what, how, err, len(sink.files))
			case change.word != "" && (err == nil || wordOf(err) != change.word || len(sink.files) > 1 || len(sink.skipped) > 0 || sink.done != nil):
				t.Errorf("%s, %s: %v, %d files, skipped %+v, done %+v", what, how, err, len(sink.files), sink.skipped, sink.done)
			}
		}
	}
}

// everyMode is an importer over a bucket that is there under every mode.
func everyMode(t *testing.T) *Importer {
	im, _ := newPersonal(t, &bucket{versions: objects("open/a", "open/b", "open/c")})
	base := newImporter(t, &bucket{})
	rules := append([]*creds.Rule{}, im.Rules...)
	rules = append(rules, base.Rules...)
	var all []creds.Rule
	for _, r := range rules {
		all = append(all, *r)
	}
	w := &wallet{}
	chain, err := creds.NewChain(all, map[creds.Mode]creds.Source{creds.IAM: w, creds.Anonymous: creds.AnonymousSource{}, creds.Token: w, creds.Role: w})
	if err != nil {
		t.Fatal(err)
	}
	im.Keychain = chain
	return im
}

// TestImportEndsWithTheGroup: who leaves the group that the rule names imports
// nothing more under it.
func TestImportEndsWithTheGroup(t *testing.T) {
	im := newImporter(t, &bucket{versions: objects("a", "b", "c")})
	who := &leaving{}
	now := epoch
	im.People, im.Now = who, func() time.Time { now = now.Add(progressTime); return now }
	sink := &tellingSink{then: func() { who.out = true }}
	if err := im.Run(t.Context(), prefix("s3://data/"), creds.NewSecret("bob"), sink, io.Discard); wordOf(err) != "bucket-not-allowed" || len(sink.files) != 1 {
		t.Errorf("%v, %d files, skipped %+v", err, len(sink.files), sink.skipped)
	}
}

// asking is a listing that gets its keys from the provider for each page, as
// s3read does.
type asking struct {
	*bucket
	refused error
}

func (a *asking) Versions(ctx context.Context, access creds.Access, name, prefix, after string) iter.Seq2[s3read.Version, error] {
	return func(yield func(s3read.Version, error) bool) {
		for v, err := range a.bucket.Versions(ctx, access, name, prefix, after) {
			if _, refused := access.Provider.Retrieve(ctx); refused != nil {
				a.refused = refused
				yield(s3read.Version{}, refused)
				return
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

func (a *asking) Head(ctx context.Context, access creds.Access, o locator.Object) (s3read.Info, error) {
	return a.bucket.Head(ctx, access, o)
}

// TestNoRequestAfterTheRight: also what runs beside the lines, such as the next
// page, is not asked of S3 any more.
func TestNoRequestAfterTheRight(t *testing.T) {
	for _, url := range []string{"s3://data/", "s3://roles/", "s3://own/"} {
		im := everyMode(t)
		who, listing := &leaving{}, &asking{bucket: im.Lister.(*bucket)}
		im.People, im.Lister = who, listing
		im.Now = func() time.Time { return epoch } // so that the lines themselves check nothing
		sink := &tellingSink{then: func() { who.dead = &creds.Error{Kind: "token-refused", Text: "revoked"} }}
		if err := im.Run(t.Context(), prefix(url), creds.NewSecret("alice"), sink, io.Discard); wordOf(err) != "token-refused" || wordOf(listing.refused) != "token-refused" {
			t.Errorf("%s: %v; the listing was told %v", url, err, listing.refused)
		}
	}
}
