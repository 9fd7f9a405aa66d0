// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// maxOutlooks bounds how often one check asks about buckets.
const maxOutlooks = 20

// maxDays bounds what is added to a time: JSON has no year 10000.
const maxDays = 1_000_000

// bucketRules are the lifecycle rules of the buckets of a check.
type bucketRules struct {
	client   *Client
	left     int // questions that may still be sent
	rules    []*bucketRule
	notKnown []string
	// rotated has a sentence for each bucket to which S3 knows no keys.
	rotated map[string]string
}

type bucketRule struct {
	RuleUse
	bucket string
}

// bucketRules asks about each bucket of which some object can be read, in one
// question if the caller may ask for all that is needed of it. Where S3 denies
// an object, the answer tells whether the keys are at fault: unlike HEAD, it has
// a code.
func (c *Client) bucketRules(ctx context.Context, asked []*question) *bucketRules {
	b := &bucketRules{client: c, left: maxOutlooks, rotated: map[string]string{}}
	keys, order := map[string][]string{}, []string(nil)
	for _, q := range asked {
		bucket := q.Object.Bucket
		if !q.Status.Readable() && q.Word != Denied {
			continue
		}
		if keys[bucket] == nil {
			order = append(order, bucket)
		}
		keys[bucket] = append(keys[bucket], q.Object.Key)
	}
	for _, bucket := range order {
		b.ask(ctx, bucket, keys[bucket])
	}
	return b
}

// ask asks about the folder that the keys have in common, or if that is not
// allowed, about the folders in it.
func (b *bucketRules) ask(ctx context.Context, bucket string, keys []string) {
	folder := commonFolder(keys)
	where := locator.Object{Bucket: bucket, Key: folder}.URL()
	if b.left--; b.left < 0 || ctx.Err() != nil {
		b.miss(where, "there are too many folders to ask about")
		return
	}
	o, err := b.client.Outlook(ctx, where)
	if KindOf(err) == "bucket-not-allowed" && b.askParts(ctx, bucket, folder, keys) {
		return
	}
	switch {
	case err != nil:
		b.miss(where, err.Error())
	case o.Lifecycle.Error == keysUnknown:
		b.rotated[bucket] = o.Lifecycle.Text
	case !o.Lifecycle.Known:
		b.miss(where, o.Lifecycle.Text)
	case o.Lifecycle.Hidden > 0:
		b.miss(where, "some rules there are for keys that you may not be told of")
	}
	for _, r := range o.Lifecycle.Rules {
		b.add(bucket, r)
	}
}

// askParts asks about the folders in a folder, and reports whether there are
// any.
func (b *bucketRules) askParts(ctx context.Context, bucket, folder string, keys []string) bool {
	parts, order := map[string][]string{}, []string(nil)
	for _, key := range keys {
		name, _, below := strings.Cut(key[len(folder):], "/")
		if !below {
			return false // what lies in the folder itself cannot be asked about otherwise
		}
		if parts[name] == nil {
			order = append(order, name)
		}
		parts[name] = append(parts[name], key)
	}
	for _, name := range order {
		b.ask(ctx, bucket, parts[name])
	}
	return true
}

// commonFolder is the longest text that all keys begin with and that ends with
// "/", or is empty.
func commonFolder(keys []string) string {
	common := folderOf(keys[0])
	for _, key := range keys[1:] {
		for !strings.HasPrefix(key, common) {
			common = folderOf(strings.TrimSuffix(common, "/"))
		}
	}
	return common
}

func folderOf(key string) string { return key[:strings.LastIndexByte(key, '/')+1] }

func (b *bucketRules) miss(where, why string) {
	b.notKnown = append(b.notKnown, "what lifecycle rules do to "+where+": "+why)
}

// add takes a rule once, of however many folders it was told.
func (b *bucketRules) add(bucket string, r LifecycleRule) {
	for _, known := range b.rules {
		if known.bucket == bucket && known.like(r) {
			return
		}
	}
	b.rules = append(b.rules, &bucketRule{RuleUse{LifecycleRule: r}, bucket})
}

// like reports whether two rules are the same, apart from how they are told.
func (r LifecycleRule) like(other LifecycleRule) bool {
	same := r.Date == other.Date || r.Date != nil && other.Date != nil && r.Date.Equal(*other.Date)
	r.Text, r.URL, r.Date, r.BreaksPins = other.Text, other.URL, other.Date, other.BreaksPins
	return same && r == other
}

// used returns the rules by which objects become unreadable.
func (b *bucketRules) used() []RuleUse {
	var all []RuleUse
	for _, r := range b.rules {
		if r.Objects > 0 {
			all = append(all, r.RuleUse)
		}
	}
	return all
}

// judge says when an object that can be read now cannot be read any more, as
// far as S3 tells, and counts it for the rules that do that some day.
func (b *bucketRules) judge(q *question) {
	if text := b.rotated[q.Object.Bucket]; text != "" && q.Word == Denied {
		q.Status, q.Word, q.Text = IsKeyRotated, keysUnknown, text
	}
	if q.Status != OK {
		return
	}
	weak := q.Object.VersionID == ""
	for _, r := range b.of(q.Object) {
		if !q.LegalHold && (r.removesOld() && !weak || r.removesCurrent() && (weak || r.AllVersions)) {
			r.Objects++
		}
	}
	if until := q.outlook.RestoredUntil; !until.IsZero() {
		q.expire(until, "", "it was restored from an archive; from then on it must be restored again")
	}
	if !q.outlook.Expires.IsZero() && !q.LegalHold {
		b.judgeRule(q, weak)
	}
}

// judgeRule takes what S3 says of the rule that deletes the object. Of a
// current version, that only makes it an old one, which other rules remove.
func (b *bucketRules) judgeRule(q *question, weak bool) {
	when, id := q.outlook.Expires, q.outlook.ExpiresRule
	onlyCurrent, after := false, -1
	for _, r := range b.of(q.Object) {
		if r.ID == id {
			onlyCurrent = r.removesCurrent() && !r.removesOld() && !r.AllVersions
		}
		if r.removesOld() && (after < 0 || r.NoncurrentDays < after) {
			after = r.NoncurrentDays
		}
	}
	text := "the lifecycle rule " + quote(id) + " removes it"
	switch {
	case weak || !onlyCurrent:
	case after < 0:
		return // the version stays
	default:
		text = "the lifecycle rule " + quote(id) + " deletes the object on " + day(when) + ", and old versions are removed after " + itoa(after) + " days"
		when = when.AddDate(0, 0, min(after, maxDays))
	}
	if q.LockedUntil.After(when) {
		when, text = q.LockedUntil, text+"; Object Lock keeps it until then"
	}
	q.expire(when, id, text)
}

// expire says that an object can be read until some time only.
func (q *question) expire(when time.Time, rule, why string) {
	if q.Status == IsExpiring && !when.Before(q.Ends) {
		return
	}
	q.Status, q.Ends, q.EndsBy = IsExpiring, when, rule
	q.Text = "it can be read until " + day(when) + ": " + why
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// of returns the rules that are, or may be, about an object.
func (b *bucketRules) of(o locator.Object) []*bucketRule {
	var all []*bucketRule
	for _, r := range b.rules {
		if r.bucket == o.Bucket && strings.HasPrefix(o.Key, r.Prefix) {
			all = append(all, r)
		}
	}
	return all
}
