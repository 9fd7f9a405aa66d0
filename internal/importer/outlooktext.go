// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"fmt"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
)

// telling makes sentences about the lifecycle rules of an area.
type telling struct {
	*area
	// weak says that files were pinned by ETag, which no old version helps.
	weak bool
	// removesOld says that some rule of the area removes old versions.
	removesOld bool
}

func (t *telling) view(r s3read.LifecycleRule) LifecycleRule {
	v := LifecycleRule{
		ID: r.ID, Prefix: r.Prefix, URL: locator.Object{Bucket: t.rule.Bucket, Key: r.Prefix}.URL(), May: r.Conditional(),
		BreaksPins:     r.Noncurrent() || r.AllVersions || t.weak || t.removesOld,
		NoncurrentDays: r.NoncurrentDays, NewerNoncurrentVersions: r.NewerNoncurrentVersions,
		CurrentDays: r.Days, AllVersions: r.AllVersions,
		Tags: r.Tagged, LargerThan: r.LargerThan, SmallerThan: r.SmallerThan,
	}
	if !r.Date.IsZero() {
		v.Date = &r.Date
	}
	var texts []string
	if r.Noncurrent() {
		texts = append(texts, t.oldText(r))
	}
	if r.Current() {
		texts = append(texts, t.currentText(r))
	}
	v.Text = strings.Join(texts, "; ")
	return v
}

// oldText tells of the removal of old versions.
func (t *telling) oldText(r s3read.LifecycleRule) string {
	when := "when"
	if r.NoncurrentDays > 0 {
		when = days(r.NoncurrentDays) + " after"
	}
	text := fmt.Sprintf("%s: %s a version is overwritten or deleted, the lifecycle rule %s %s it", t.where(r), when, ruleName(r), verb(r, "remove"))
	if n := r.NewerNoncurrentVersions; n > 0 {
		text += fmt.Sprintf(", if there are more than %d newer old versions", n)
	}
	return text + t.only(r) + "; these pins break then"
}

// currentText tells of the removal of current versions.
func (t *telling) currentText(r s3read.LifecycleRule) string {
	when := days(r.Days) + " after an object was written"
	if !r.Date.IsZero() {
		when = "on " + r.Date.Format("2006-01-02")
	}
	text := fmt.Sprintf("%s: %s, the lifecycle rule %s %s ", t.where(r), when, ruleName(r), verb(r, "delete"))
	switch {
	case r.AllVersions:
		return text + "all its versions" + t.only(r) + "; these pins break then"
	case t.weak:
		return text + "it" + t.only(r) + "; pins by ETag break then"
	case t.removesOld:
		return text + "it" + t.only(r) + "; its version is an old one then, which a rule removes later"
	}
	return text + "it" + t.only(r) + "; its version stays, and these pins stay good"
}

// where is the smaller of the area and the prefix of the rule.
func (t *telling) where(r s3read.LifecycleRule) string {
	area := t.url()
	if rule := (locator.Object{Bucket: t.rule.Bucket, Key: r.Prefix}).URL(); len(rule) > len(area) {
		return rule
	}
	return area
}

// only tells to what the rule is limited beside its prefix.
func (t *telling) only(r s3read.LifecycleRule) string {
	var limits []string
	if r.Tagged {
		limits = append(limits, "has certain tags")
	}
	if r.LargerThan > 0 {
		limits = append(limits, fmt.Sprintf("is larger than %d bytes", r.LargerThan))
	}
	if r.SmallerThan > 0 {
		limits = append(limits, fmt.Sprintf("is smaller than %d bytes", r.SmallerThan))
	}
	if len(limits) == 0 {
		return ""
	}
	return " if it " + strings.Join(limits, " and ")
}

// verb is what a rule does, or may do.
func verb(r s3read.LifecycleRule, what string) string {
	if r.Conditional() {
		return "may " + what
	}
	return what + "s"
}

func ruleName(r s3read.LifecycleRule) string {
	if r.ID == "" {
		return "without a name"
	}
	return `"` + r.ID + `"`
}

func days(n int) string { return count(n, "day") }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

const locked = "%s: Object Lock (%s) keeps each version for %s after it was written, unless that was locked otherwise"

// lockView tells of the Object Lock of a bucket.
func lockView(url string, l s3read.ObjectLock) ObjectLock {
	v := ObjectLock{URL: url, Known: true, Enabled: l.Enabled, Mode: l.Mode, Days: l.Days, Years: l.Years}
	switch {
	case !l.Enabled:
	case l.Mode == "":
		v.Text = url + ": versions can be locked against removal, and are not by default"
	case l.Years > 0:
		v.Text = fmt.Sprintf(locked, url, l.Mode, count(l.Years, "year"))
	default:
		v.Text = fmt.Sprintf(locked, url, l.Mode, days(l.Days))
	}
	return v
}
