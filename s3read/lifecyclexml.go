// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"bytes"
	"math"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// maxRules is the most rules that a bucket can have.
const maxRules = 1000

// maxDays bounds the numbers of days, years and versions in rules, so that
// times made of them can be written. Some who mean "never" take larger ones.
const maxDays = 1_000_000

// lifecycle reads the rules of a bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html
type lifecycle struct {
	rules []LifecycleRule
	count int
	// What follows is of the rule that is being read.
	rule    LifecycleRule
	enabled bool
	seen    map[string]bool
}

// decodeLifecycle returns the rules that are in force and remove something.
func decodeLifecycle(body []byte) ([]LifecycleRule, error) {
	d := &lifecycle{seen: map[string]bool{}}
	if err := readXML(body, "LifecycleConfiguration", d.element); err != nil {
		return nil, err
	}
	return d.rules, nil
}

// element takes the end of an element, with its path below the root.
func (d *lifecycle) element(path, text string) error {
	condition, inFilter := strings.CutPrefix(path, "Rule/Filter/")
	switch {
	case path == "Rule":
		return d.endRule()
	case !strings.HasPrefix(path, "Rule/"):
		return nil // what stands beside the rules says nothing about them
	}
	if inFilter && !strings.HasPrefix(condition, "And/Tag") && !strings.HasPrefix(condition, "Tag") || d.isOnce(path) {
		if d.seen[path] {
			return errXML
		}
		d.seen[path] = true
	}
	if inFilter {
		return d.condition(strings.TrimPrefix(condition, "And/"), text)
	}
	return d.field(strings.TrimPrefix(path, "Rule/"), text)
}

// isOnce reports whether an element must not come twice.
func (d *lifecycle) isOnce(path string) bool {
	switch path {
	case "Rule/ID", "Rule/Status", "Rule/Prefix", "Rule/Filter", "Rule/Expiration", "Rule/Expiration/Days", "Rule/Expiration/Date",
		"Rule/Expiration/ExpiredObjectAllVersions", "Rule/NoncurrentVersionExpiration",
		"Rule/NoncurrentVersionExpiration/NoncurrentDays", "Rule/NoncurrentVersionExpiration/NewerNoncurrentVersions":
		return true
	}
	return false
}

func (d *lifecycle) field(name, text string) (err error) {
	r := &d.rule
	if name == "Prefix" {
		return d.prefix(text)
	}
	switch text = strings.TrimSpace(text); name {
	case "ID":
		r.ID = printableID(text)
	case "Status":
		if text != "Enabled" && text != "Disabled" {
			return errXML
		}
		d.enabled = text == "Enabled"
	case "Expiration/Days":
		r.Days, err = small(text)
	case "Expiration/Date":
		if r.Date, err = time.Parse(time.RFC3339, text); err != nil || !plainYear(r.Date) {
			return errXML
		}
		r.Date = r.Date.UTC()
	case "Expiration/ExpiredObjectAllVersions":
		r.AllVersions = text == "true"
	case "NoncurrentVersionExpiration/NoncurrentDays":
		r.NoncurrentDays, err = small(text)
	case "NoncurrentVersionExpiration/NewerNoncurrentVersions":
		r.NewerNoncurrentVersions, err = small(text)
	}
	return err
}

// condition takes a part of a filter. What is not known here may let the rule
// pass over objects, as tags may.
func (d *lifecycle) condition(name, text string) error {
	r := &d.rule
	switch name {
	case "And":
		return nil
	case "Prefix":
		return d.prefix(text)
	case "ObjectSizeGreaterThan":
		return size(text, &r.LargerThan)
	case "ObjectSizeLessThan":
		return size(text, &r.SmallerThan)
	}
	r.Tagged = true
	return nil
}

// prefix takes a prefix, which stands in one of three places.
func (d *lifecycle) prefix(text string) error {
	if d.rule.Prefix != "" && text != "" {
		return errXML
	}
	d.rule.Prefix += text
	return nil
}

func size(text string, to *int64) error {
	if *to = decimal(strings.TrimSpace(text)); *to < 0 {
		return errXML
	}
	return nil
}

func (d *lifecycle) endRule() error {
	r := d.rule
	if d.count++; d.count > maxRules || len(r.Prefix) > locator.MaxKey || !d.seen["Rule/Status"] {
		return errXML
	}
	if d.enabled && (r.Current() || r.Noncurrent()) {
		d.rules = append(d.rules, r)
	}
	d.rule, d.enabled = LifecycleRule{}, false
	clear(d.seen)
	return nil
}

// small reads a number of days or versions, of which S3 takes up to 31 bits;
// more than [maxDays] are that many.
func small(text string) (int, error) {
	n := decimal(text)
	if n < 0 || n > math.MaxInt32 {
		return 0, errXML
	}
	return int(min(n, maxDays)), nil
}

// decodeObjectLock: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLockConfiguration.html
func decodeObjectLock(body []byte) (ObjectLock, error) {
	var lock ObjectLock
	seen := map[string]bool{}
	err := readXML(body, "ObjectLockConfiguration", func(path, text string) (err error) {
		if seen[path] {
			return errXML
		}
		seen[path] = true
		switch text = strings.TrimSpace(text); path {
		case "ObjectLockEnabled":
			lock.Enabled = text == "Enabled"
		case "Rule/DefaultRetention/Mode":
			lock.Mode = text
		case "Rule/DefaultRetention/Days":
			lock.Days, err = small(text)
		case "Rule/DefaultRetention/Years":
			lock.Years, err = small(text)
		}
		return err
	})
	if err != nil || !lock.Enabled {
		return ObjectLock{}, err
	}
	if lock.Mode == "" && lock.Days+lock.Years == 0 {
		return lock, nil
	}
	if !isLockMode(lock.Mode) || lock.Days+lock.Years == 0 {
		return ObjectLock{}, errXML
	}
	return lock, nil
}

// readXML calls visit at the end of each element below the root, with the
// names from there, "Rule/Filter/Prefix", and the text before the end.
func readXML(body []byte, root string, visit func(path, text string) error) error {
	s := &scanner{rest: body}
	if first, err := s.next(); err != nil || string(first.name) != root {
		return errXML
	}
	for {
		t, err := s.next()
		switch {
		case err != nil:
			return err
		case t.end && s.deep == 0:
			return ended(s)
		case t.end:
			path := bytes.Join(s.path[1:s.deep+1], []byte{'/'})
			if err := visit(string(path), string(s.text)); err != nil {
				return err
			}
		}
	}
}

// ended checks that nothing follows the root.
func ended(s *scanner) error {
	if t, err := s.next(); err != nil || t.name != nil {
		return errXML
	}
	return nil
}
