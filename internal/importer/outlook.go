// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
)

// Buckets asks S3 how long a bucket keeps what is in it.
type Buckets interface {
	Lifecycle(ctx context.Context, a creds.Access, bucket string) ([]s3read.LifecycleRule, error)
	ObjectLock(ctx context.Context, a creds.Access, bucket string) (s3read.ObjectLock, error)
}

// Outlook tells how long references to what lies under a URL stay good, as far
// as the settings of the bucket tell.
type Outlook struct {
	Lifecycle  Lifecycle  `json:"lifecycle"`
	ObjectLock ObjectLock `json:"object_lock"`
}

// Lifecycle is what lifecycle rules do to what lies under a URL.
type Lifecycle struct {
	URL string `json:"url"`
	// Known says that S3 told all rules. If not, Error is a word of the error
	// table, and Text says why.
	Known bool   `json:"known"`
	Error string `json:"error,omitempty"`
	Text  string `json:"text,omitempty"`
	// Rules are those that remove something there.
	Rules []LifecycleRule `json:"rules"`
	// Hidden counts rules for keys that the caller may not be told of.
	Hidden int `json:"hidden,omitempty"`
}

// LifecycleRule is one lifecycle rule.
type LifecycleRule struct {
	ID string `json:"id"`
	// Prefix is how the keys begin that the rule is about, and URL the same
	// with the bucket. It need not end with "/".
	Prefix string `json:"prefix"`
	URL    string `json:"url"`
	// BreaksPins says that references become unreadable by this rule.
	BreaksPins bool `json:"breaks_pins"`
	// May says that the rule goes by tags or sizes too, so that it is not known
	// whether it is about a certain object.
	May                     bool       `json:"may,omitempty"`
	NoncurrentDays          int        `json:"noncurrent_days,omitempty"`
	NewerNoncurrentVersions int        `json:"newer_noncurrent_versions,omitempty"`
	CurrentDays             int        `json:"current_days,omitempty"`
	Date                    *time.Time `json:"date,omitempty"`
	AllVersions             bool       `json:"all_versions,omitempty"`
	Tags                    bool       `json:"tags,omitempty"`
	LargerThan              int64      `json:"larger_than,omitempty"`
	SmallerThan             int64      `json:"smaller_than,omitempty"`
	// Text says all that in a sentence.
	Text string `json:"text"`
}

// ObjectLock is the Object Lock of a bucket.
type ObjectLock struct {
	URL   string `json:"url"`
	Known bool   `json:"known"`
	Error string `json:"error,omitempty"`
	// Enabled says that versions can be locked. Mode, and Days or Years, tell
	// for how long new ones are by default.
	Enabled bool   `json:"enabled"`
	Mode    string `json:"mode,omitempty"`
	Days    int    `json:"days,omitempty"`
	Years   int    `json:"years,omitempty"`
	Text    string `json:"text,omitempty"`
}

// Limits on asking for outlooks at the end of an import.
const (
	outlookLimit = 10 * time.Second
	maxAreas     = 20
)

// area is what an import takes from one bucket under one access rule.
type area struct {
	rule    *creds.Rule
	targets []*target
	grant   *grant
	err     error

	rules             []s3read.LifecycleRule
	lock              s3read.ObjectLock
	rulesErr, lockErr error
}

// Outlook asks for the outlook of an object or prefix, of which the caller
// must have the right to import.
func (im *Importer) Outlook(ctx context.Context, token creds.Secret, url string) (Outlook, error) {
	t, err := newTarget(Source{URL: url})
	if err != nil {
		return Outlook{}, badRequest("%s", err)
	}
	caller, err := im.caller(ctx, token)
	if err != nil {
		return Outlook{}, err
	}
	j := job{Importer: im, caller: caller, token: token, access: map[*creds.Rule]*grant{}, plan: &plan{targets: []target{t}}}
	a := &area{targets: []*target{&t}}
	if a.rule, err = j.ruleOf(&t); err != nil {
		return Outlook{}, err
	}
	if a.grant, err = j.grant(ctx, a.rule); err != nil {
		return Outlook{}, err
	}
	j.askAreas(ctx, []*area{a})
	return j.describeArea(ctx, a), nil
}

// outlooks tells how long what was imported stays. It is best effort: what
// cannot be found out is told as not known.
func (j *job) outlooks(ctx context.Context) (rules []Lifecycle, locks []ObjectLock) {
	if j.Buckets == nil || j.state.Counts.Files == 0 {
		return nil, nil
	}
	areas := j.areas()
	for _, a := range areas {
		a.grant, a.err = j.grant(ctx, a.rule)
	}
	j.askAreas(ctx, areas)
	for _, a := range areas {
		if wordOf(a.err) == string(creds.NotAllowed) {
			continue // nothing was imported there
		}
		o := j.describeArea(ctx, a)
		rules, locks = append(rules, o.Lifecycle), append(locks, o.ObjectLock)
	}
	return rules, locks
}

func (j *job) ruleOf(t *target) (*creds.Rule, error) {
	if t.prefix {
		return j.Keychain.MatchPrefix(t.object.Bucket, t.object.Key)
	}
	return j.Keychain.Match(t.object.Bucket, t.object.Key)
}

// areas groups the sources by access rule.
func (j *job) areas() []*area {
	var all []*area
	known := map[*creds.Rule]*area{}
	for i := range j.targets {
		t := &j.targets[i]
		rule, err := j.ruleOf(t)
		if err != nil {
			continue
		}
		if known[rule] == nil {
			known[rule] = &area{rule: rule}
			all = append(all, known[rule])
		}
		known[rule].targets = append(known[rule].targets, t)
	}
	return all
}

// askAreas sends two requests for each area, and for few of them at most.
func (j *job) askAreas(ctx context.Context, all []*area) {
	ctx, cancel := context.WithTimeout(ctx, outlookLimit)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	for i, a := range all {
		if i >= maxAreas && a.err == nil {
			a.err = &Error{Kind: Overloaded, Text: "an import asks this for a few buckets only: ask for this one by itself"}
		}
		if a.rulesErr, a.lockErr = a.err, a.err; a.err != nil {
			continue
		}
		bucket, access := a.rule.Bucket, a.grant.Access
		running.Go(func() { a.rules, a.rulesErr = j.Buckets.Lifecycle(ctx, access, bucket) })
		running.Go(func() { a.lock, a.lockErr = j.Buckets.ObjectLock(ctx, access, bucket) })
	}
}

// describeArea writes down what was found out.
func (j *job) describeArea(ctx context.Context, a *area) Outlook {
	url := a.url()
	o := Outlook{Lifecycle: Lifecycle{URL: url, Known: a.rulesErr == nil, Rules: []LifecycleRule{}}, ObjectLock: lockView(url, a.lock)}
	if a.rulesErr != nil {
		o.Lifecycle.Error, o.Lifecycle.Text = wordOf(a.rulesErr), sentence(a.rulesErr)
	}
	if a.lockErr != nil {
		o.ObjectLock = ObjectLock{URL: url, Error: wordOf(a.lockErr), Text: sentence(a.lockErr)}
	}
	var seen []s3read.LifecycleRule
	for _, r := range a.rules {
		switch {
		case !a.touches(r.Prefix):
		case j.hides(ctx, a.rule, r.Prefix):
			o.Lifecycle.Hidden++
		default:
			seen = append(seen, r)
		}
	}
	t := telling{area: a, weak: j.state.Counts.WeakPins > 0}
	for _, r := range seen {
		t.removesOld = t.removesOld || r.Noncurrent()
	}
	for _, r := range seen {
		o.Lifecycle.Rules = append(o.Lifecycle.Rules, t.view(r))
	}
	return o
}

// touches reports whether a rule with the prefix can be about what is imported.
func (a *area) touches(prefix string) bool {
	for _, t := range a.targets {
		if strings.HasPrefix(t.object.Key, prefix) || t.prefix && strings.HasPrefix(prefix, t.object.Key) {
			return true
		}
	}
	return false
}

// hides reports whether the prefix of a rule is a name that the caller may not
// be told, since keys that begin with it go by another access rule.
func (j *job) hides(ctx context.Context, listed *creds.Rule, prefix string) bool {
	rule, err := j.Keychain.MatchPrefix(listed.Bucket, plainFolder(prefix))
	if err != nil || len(rule.Prefix) < len(listed.Prefix) {
		return false // it is the beginning of what the caller named
	}
	hidden, err := j.isHidden(ctx, listed, rule)
	return err != nil || hidden != ""
}

// url names the area: its one source, or the folder that all have in common.
func (a *area) url() string {
	common := a.targets[0].object.Key
	for _, t := range a.targets[1:] {
		for !strings.HasPrefix(t.object.Key, common) {
			common = common[:strings.LastIndexByte(strings.TrimSuffix(common, "/"), '/')+1]
		}
	}
	return locator.Object{Bucket: a.rule.Bucket, Key: common}.URL()
}
