// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Lifecycle is what the lifecycle rules of a bucket do to what lies under a
// URL.
type Lifecycle struct {
	URL string `json:"url"`
	// Known says that S3 told all rules. If not, Error is a word of
	// docs/errors.md, and Text says why.
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
	May bool `json:"may,omitempty"`
	// NoncurrentDays after it was overwritten or deleted, a version is removed,
	// if there are more than NewerNoncurrentVersions newer old versions.
	NoncurrentDays          int `json:"noncurrent_days,omitempty"`
	NewerNoncurrentVersions int `json:"newer_noncurrent_versions,omitempty"`
	// CurrentDays after it was written, or on Date, an object is deleted: its
	// version becomes an old one, or with AllVersions is removed with all
	// others.
	CurrentDays int        `json:"current_days,omitempty"`
	Date        *time.Time `json:"date,omitempty"`
	AllVersions bool       `json:"all_versions,omitempty"`
	// Tags, LargerThan and SmallerThan (bytes) say what else the rule goes by.
	Tags        bool  `json:"tags,omitempty"`
	LargerThan  int64 `json:"larger_than,omitempty"`
	SmallerThan int64 `json:"smaller_than,omitempty"`
	// Text says all that in a sentence.
	Text string `json:"text"`
}

func (r *LifecycleRule) removesOld() bool {
	return r.NoncurrentDays > 0 || r.NewerNoncurrentVersions > 0
}

func (r *LifecycleRule) removesCurrent() bool { return r.CurrentDays > 0 || r.Date != nil }

// ObjectLock is the Object Lock of the bucket of a URL.
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

// Outlook tells how long references to what lies under a URL stay good, as far
// as the settings of the bucket tell.
type Outlook struct {
	Lifecycle  Lifecycle  `json:"lifecycle"`
	ObjectLock ObjectLock `json:"object_lock"`
}

// Outlook asks keepstore how long what lies under an S3 URL stays. It takes the
// right to import from there.
func (c *Client) Outlook(ctx context.Context, url string) (Outlook, error) {
	var o Outlook
	text, err := c.keep.Lifecycle(ctx, url)
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return Outlook{}, &Error{Kind: NotComplete, Err: err, Text: "the answer about the lifecycle rules of " + clip(url) + " cannot be read"}
	}
	return o, nil
}

// addOutlook takes in what the last line of a part tells, once of each bucket.
func (l *line) addOutlook(done line) {
	for _, one := range done.Lifecycle {
		if !slices.ContainsFunc(l.Lifecycle, one.like) {
			l.Lifecycle = append(l.Lifecycle, one)
		}
	}
	for _, one := range done.ObjectLock {
		if !slices.ContainsFunc(l.ObjectLock, one.like) {
			l.ObjectLock = append(l.ObjectLock, one)
		}
	}
}

// like reports whether two parts of a bucket have the same rules.
func (l Lifecycle) like(other Lifecycle) bool {
	return sameBucket(l.URL, other.URL) && l.Known == other.Known && l.Error == other.Error && l.Hidden == other.Hidden &&
		slices.EqualFunc(l.Rules, other.Rules, LifecycleRule.like)
}

// like reports whether two parts of a bucket have the same lock.
func (l ObjectLock) like(other ObjectLock) bool {
	same := sameBucket(l.URL, other.URL)
	l.URL, l.Text = other.URL, other.Text
	return same && l == other
}

func sameBucket(a, b string) bool { return bucketOf(a) == bucketOf(b) }

func bucketOf(url string) string {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(url, "s3://"), "/")
	return bucket
}

// addLock counts a file that is locked.
func (r *ImportResult) addLock(until *time.Time) {
	if until == nil || until.Before(time.Now()) {
		return
	}
	if r.Locked++; r.LockedUntil.IsZero() || until.Before(r.LockedUntil) {
		r.LockedUntil = *until
	}
}
