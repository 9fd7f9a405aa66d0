// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/s3read"
)

// settings simulates the settings of all buckets, since no S3 server here has
// rules with all conditions; the tests of internal/app have real ones.
type settings struct {
	rules []s3read.LifecycleRule
	lock  s3read.ObjectLock
	asked atomic.Int64
}

func (s *settings) Lifecycle(context.Context, creds.Access, string) ([]s3read.LifecycleRule, error) {
	s.asked.Add(1)
	return s.rules, nil
}

func (s *settings) ObjectLock(context.Context, creds.Access, string) (s3read.ObjectLock, error) {
	s.asked.Add(1)
	return s.lock, nil
}

// TestOutlookSentences has one sentence for each kind of rule.
func TestOutlookSentences(t *testing.T) {
	day := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	old := s3read.LifecycleRule{ID: "old", NoncurrentDays: 5}
	for _, c := range []struct {
		rule   s3read.LifecycleRule
		with   []s3read.LifecycleRule
		bucket string
		want   string
		breaks bool
	}{
		{old, nil, "data", `s3://data/p/: 5 days after a version is overwritten or deleted, the lifecycle rule "old" removes it; these pins break then`, true},
		{s3read.LifecycleRule{Prefix: "p/sub/x", NoncurrentDays: 1, NewerNoncurrentVersions: 3}, nil, "data",
			`s3://data/p/sub/x: 1 day after a version is overwritten or deleted, the lifecycle rule without a name removes it, if there are more than 3 newer old versions; these pins break then`, true},
		{s3read.LifecycleRule{ID: "r", NewerNoncurrentVersions: 3}, nil, "data",
			`s3://data/p/: when a version is overwritten or deleted, the lifecycle rule "r" removes it, if there are more than 3 newer old versions; these pins break then`, true},
		{s3read.LifecycleRule{ID: "r", NoncurrentDays: 5, Tagged: true, LargerThan: 1, SmallerThan: 9}, nil, "data",
			`s3://data/p/: 5 days after a version is overwritten or deleted, the lifecycle rule "r" may remove it if it has certain tags and is larger than 1 bytes and is smaller than 9 bytes; these pins break then`, true},
		{s3read.LifecycleRule{ID: "r", Days: 7}, nil, "data",
			`s3://data/p/: 7 days after an object was written, the lifecycle rule "r" deletes it; its version stays, and these pins stay good`, false},
		{s3read.LifecycleRule{ID: "r", Date: day}, []s3read.LifecycleRule{old}, "data",
			`s3://data/p/: on 2026-12-01, the lifecycle rule "r" deletes it; its version is an old one then, which a rule removes later`, true},
		{s3read.LifecycleRule{ID: "r", Days: 7, AllVersions: true}, nil, "data",
			`s3://data/p/: 7 days after an object was written, the lifecycle rule "r" deletes all its versions; these pins break then`, true},
		{s3read.LifecycleRule{ID: "r", Days: 7}, nil, "weak",
			`s3://weak/p/: 7 days after an object was written, the lifecycle rule "r" deletes it; pins by ETag break then`, true},
	} {
		one := object("p/a")
		if c.bucket == "weak" {
			one.Object.VersionID = ""
		}
		im := newImporter(t, &bucket{versions: []s3read.Version{one}})
		im.Buckets = &settings{rules: append([]s3read.LifecycleRule{c.rule}, c.with...)}
		done := run(t, im, prefix("s3://"+c.bucket+"/p/")).done
		if rules := done.Lifecycle[0].Rules; len(rules) != 1+len(c.with) || rules[0].Text != c.want || rules[0].BreaksPins != c.breaks || rules[0].May != c.rule.Conditional() {
			t.Errorf("got %+v, want %q", rules, c.want)
		}
	}
}

// TestOutlookElsewhere: rules for what was not imported are not told, and those
// for keys of an access rule that refuses are counted only.
func TestOutlookElsewhere(t *testing.T) {
	im := newImporter(t, &bucket{versions: objects("open/a", "open/closed/x")})
	im.Buckets = &settings{rules: []s3read.LifecycleRule{
		{ID: "all", NoncurrentDays: 1}, {ID: "op", Prefix: "op", NoncurrentDays: 1}, {ID: "open", Prefix: "open/a", NoncurrentDays: 1},
		{ID: "elsewhere", Prefix: "private/", NoncurrentDays: 1}, {ID: "closed", Prefix: "open/closed/x", NoncurrentDays: 1}, {ID: "close", Prefix: "open/closed/", NoncurrentDays: 1}}}
	l := run(t, im, prefix("s3://part/open/")).done.Lifecycle[0]
	var ids []string
	for _, r := range l.Rules {
		ids = append(ids, r.ID)
	}
	if strings.Join(ids, " ") != "all op open" || l.Hidden != 2 {
		t.Errorf("told %v, %d hidden", ids, l.Hidden)
	}
}

// TestOutlookOncePerBucket: however many objects are named, S3 is asked twice,
// and not at all when nothing was imported.
func TestOutlookOncePerBucket(t *testing.T) {
	var request Request
	var all []s3read.Version
	for i := range 100 {
		key := fmt.Sprintf("p/%d/x", i)
		all = append(all, object(key))
		request.Sources = append(request.Sources, Source{URL: "s3://data/" + key, Path: fmt.Sprint(i)})
	}
	im, s := newImporter(t, &bucket{versions: all}), &settings{lock: s3read.ObjectLock{Enabled: true, Mode: "COMPLIANCE", Years: 1}}
	im.Buckets = s
	done := run(t, im, request).done
	if n := s.asked.Load(); n != 2 || len(done.Lifecycle) != 1 || done.Lifecycle[0].URL != "s3://data/p/" ||
		done.ObjectLock[0].Text != "s3://data/p/: Object Lock (COMPLIANCE) keeps each version for 1 year after it was written, unless that was locked otherwise" {
		t.Errorf("asked %d times, %+v, %+v", n, done.Lifecycle, done.ObjectLock)
	}
	nothing := prefix("s3://data/p/")
	nothing.Sources[0].Exclude = []string{"**"}
	if done := run(t, im, nothing).done; s.asked.Load() != 2 || done.Lifecycle != nil {
		t.Errorf("an import of nothing asked %d times and told %+v", s.asked.Load()-2, done.Lifecycle)
	}
}
