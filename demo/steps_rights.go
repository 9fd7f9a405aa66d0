// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/s3read"
)

// result is what came of reading the files of one site.
type result struct {
	right   int     // with the bytes that were uploaded
	refused []reply // all others
}

// readShared gets a collection with a token and reads every block of it. It
// returns the results by site.
func (t *tour) readShared(ctx context.Context, who person, p *pair) (results [2]result, err error) {
	var c collection
	if _, err := t.api(ctx, who, http.MethodGet, "collections/"+p.shared.UUID, nil, &c); err != nil {
		return results, err
	}
	all, err := p.locators(c.Text)
	if err != nil {
		return results, err
	}
	for i, locators := range all {
		for _, l := range locators {
			r, err := t.as(who).read(ctx, l.text, "")
			if err != nil {
				return results, err
			}
			if r.status == http.StatusOK && bytes.Equal(r.body, l.object.body) {
				results[i].right++
			} else {
				results[i].refused = append(results[i].refused, r)
			}
		}
	}
	return results, nil
}

// visits returns the requests that reach each site while f runs, of which it
// waits for as many as there should be.
func (t *tour) visits(ctx context.Context, p *pair, first, second int, f func() error) (visits [2][]visit, err error) {
	visits[0], err = p.first.during(ctx, first, func() (err error) {
		visits[1], err = p.second.during(ctx, second, f)
		return err
	})
	return visits, err
}

// readWatched is readShared, of as many files of both sites as have objects.
func (t *tour) readWatched(ctx context.Context, who person, p *pair) (results [2]result, visits [2][]visit, err error) {
	visits, err = t.visits(ctx, p, len(p.first.objects), len(p.second.objects), func() (err error) {
		results, err = t.readShared(ctx, who, p)
		return err
	})
	return results, visits, err
}

func (t *tour) readAsBoth(ctx context.Context, p *pair) error {
	t.out.sent("GET /<locator> of each of the %d files, with Ann's token", p.files())
	anns, visits, err := t.readWatched(ctx, t.people.ann, p)
	if err != nil {
		return err
	}
	t.check(anns[0].right == len(p.first.objects) && anns[1].right == len(p.second.objects), "Ann reads all %d, as they were uploaded", p.files())
	t.checkVisitors(p, t.people.ann, visits)
	t.out.sent("the same, with Bob's token and the locators that the API server signed for him")
	bobs, visits, err := t.readWatched(ctx, t.people.bob, p)
	if err != nil {
		return err
	}
	t.check(bobs[0].right == len(p.first.objects), "Bob reads the %d files of s3://%s", len(p.first.objects), p.first.name)
	denied := count(bobs[1].refused, string(s3read.Denied))
	if denied > 0 {
		t.out.got("%d %s", bobs[1].refused[0].status, bobs[1].refused[0].told())
	}
	t.check(denied == len(p.second.objects) && bobs[1].right == 0, "Bob gets 403 s3-denied for each of the %d of s3://%s", denied, p.second.name)
	t.checkVisitors(p, t.people.bob, visits)
	return nil
}

// count counts refusals with status 403 and a word.
func count(replies []reply, word string) (n int) {
	for _, r := range replies {
		if r.status == http.StatusForbidden && r.word() == word {
			n++
		}
	}
	return n
}

// checkVisitors compares who came to S3 while a person was reading.
func (t *tour) checkVisitors(p *pair, who person, visits [2][]visit) {
	names := [2]string{p.first.bob, p.second.bob}
	if who == t.people.ann {
		names = [2]string{p.first.ann, p.second.ann}
	}
	t.out.got("S3's own logs: %s came %d times to s3://%s, and %s came %d times to s3://%s",
		visitors(visits[0]), len(visits[0]), p.first.name, visitors(visits[1]), len(visits[1]), p.second.name)
	right := true
	for i, site := range p.sites() {
		right = right && visitors(visits[i]) == names[i] && len(visits[i]) == len(site.objects)
	}
	t.check(right, "one request for each file, all of them as %s, and none as anybody else", who.name)
}

func visitors(visits []visit) string {
	var who []string
	for _, v := range visits {
		who = append(who, v.who)
	}
	slices.Sort(who)
	return strings.Join(slices.Compact(who), ", ")
}

// askWhy asks keepstore what decides about an object, for Bob and for Ann.
func (t *tour) askWhy(ctx context.Context, p *pair) error {
	object := p.second.objectURL(0)
	t.out.sent("GET /s3/access?url=%s with Bob's token", object)
	report, err := t.explainAccess(ctx, t.people.bob, object)
	if err != nil {
		return err
	}
	for _, step := range report.Steps {
		mark := "ok"
		if !step.OK {
			mark = "no"
		}
		t.out.wrapped(fmt.Sprintf("     %-3s %-11s ", mark, step.Step), step.Text)
	}
	last := report.Steps[len(report.Steps)-1]
	t.check(!report.Readable && report.Error == string(s3read.Denied) && last.Step == "s3" && len(report.Steps) == 6,
		"all is well up to S3, which refuses: the owner of s3://%s can help, and nobody else", p.second.name)
	anns, err := t.explainAccess(ctx, t.people.ann, object)
	t.check(err == nil && anns.Readable, "the same question with Ann's token: it can be read")
	return err
}

func (t *tour) explainAccess(ctx context.Context, who person, object string) (importer.Report, error) {
	var report importer.Report
	r, err := t.as(who).do(ctx, http.MethodGet, "s3/access?url="+url.QueryEscape(object), nil, nil)
	if err == nil {
		err = r.wants(http.StatusOK)
	}
	if err == nil {
		err = json.Unmarshal(r.body, &report)
	}
	if err == nil && len(report.Steps) == 0 {
		err = fmt.Errorf("the report has no steps")
	}
	return report, err
}

// overLink reads the collection with a token that can read it and nothing
// else, as Workbench makes them for links.
func (t *tour) overLink(ctx context.Context) error {
	var made struct {
		Token string `json:"api_token"`
		UUID  string `json:"uuid"`
	}
	scope := "GET /arvados/v1/collections/" + t.keys.shared.UUID
	t.out.sent("POST /arvados/v1/api_client_authorizations, by Ann: a token for this collection only")
	if _, err := t.api(ctx, t.people.ann, http.MethodPost, "api_client_authorizations",
		mapping{"api_client_authorization": mapping{"scopes": []string{scope, scope + "/"}}}, &made); err != nil {
		return err
	}
	link := person{name: "a link", token: creds.NewSecret("v2/" + made.UUID + "/" + made.Token)}
	var all [2]result
	visits, err := t.visits(ctx, t.keys, 0, 0, func() (err error) {
		all, err = t.readShared(ctx, link, t.keys)
		return err
	})
	if err != nil {
		return err
	}
	refused := slices.Concat(all[0].refused, all[1].refused)
	needed := count(refused, string(creds.ScopeNeeded))
	if needed > 0 {
		t.out.got("%d %s", refused[0].status, refused[0].told())
	}
	t.check(needed == t.keys.files(), "the link opens the collection, and gets scope-needed for each of its %d files", needed)
	t.check(len(visits[0])+len(visits[1]) == 0, "S3 was not asked")
	if !t.slow {
		t.out.detail("When Bob deletes his keys, they stop working within a minute: --slow waits for it.")
	}
	return nil
}
