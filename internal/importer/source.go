// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/arvados-s3/keepstore/locator"
)

// target is a checked source.
type target struct {
	Source
	object locator.Object
	// prefix says that the key is a prefix, to be listed.
	prefix bool
}

func newTarget(s Source) (target, error) {
	t := target{Source: s}
	if err := t.parseName(); err != nil {
		return t, err
	}
	if err := locator.CheckBucket(t.object.Bucket); err != nil {
		return t, err
	}
	t.prefix = t.object.VersionID == "" && (t.object.Key == "" || strings.HasSuffix(t.object.Key, "/"))
	if t.object.Key != "" { // only a prefix can be empty here
		if err := locator.CheckKey(t.object.Key); err != nil {
			return t, err
		}
	}
	if err := t.checkOptions(); err != nil {
		return t, err
	}
	return t, t.setPath()
}

func (t *target) parseName() error {
	switch {
	case t.URL != "" && t.Bucket+t.Key != "":
		return errors.New("give either url, or bucket and key")
	case t.URL == "":
		t.object = locator.Object{Bucket: t.Bucket, Key: t.Key}
		return nil
	}
	var err error
	t.object, err = parseURL(t.URL)
	return err
}

func (t *target) checkOptions() error {
	if !t.prefix && (len(t.Include)+len(t.Exclude) > 0) {
		return errors.New("include and exclude go with a prefix, which ends in \"/\"")
	}
	if !t.prefix && t.object.VersionID != "" && t.AsOf != nil {
		return errors.New("give either a versionId or as_of")
	}
	return checkPatterns(slices.Concat(t.Include, t.Exclude))
}

// Limits on filters: matching is done for every listed key.
const (
	maxPatterns = 100
	maxPattern  = 1024
	// maxSpellings bounds what the braces of all patterns stand for. The time
	// to match grows with it, and without it as 2 to the number of braces.
	maxSpellings = 500
	// maxPath bounds Path in bytes, as S3 bounds keys.
	maxPath = 1024
)

func checkPatterns(patterns []string) error {
	if len(patterns) > maxPatterns {
		return fmt.Errorf("there are %d patterns, more than the limit of %d", len(patterns), maxPatterns)
	}
	total := 0
	for _, pattern := range patterns {
		if len(pattern) > maxPattern || !doublestar.ValidatePattern(pattern) {
			return fmt.Errorf("the pattern %.60q is not a valid glob", pattern)
		}
		if total += spellings(pattern); total > maxSpellings {
			return fmt.Errorf("the braces of the patterns stand for more than %d patterns: use fewer", maxSpellings)
		}
	}
	return nil
}

// spellings returns how many patterns without braces the pattern stands for,
// or a little more, and stops counting beyond the limit.
func spellings(pattern string) int {
	var open []int // the alternatives so far in each open brace
	product := 1
	for i := 0; i < len(pattern) && product <= maxSpellings; i++ {
		switch n := len(open) - 1; {
		case pattern[i] == '\\':
			i++
		case pattern[i] == '{':
			open = append(open, 1)
		case pattern[i] == ',' && n >= 0:
			open[n]++
		case pattern[i] == '}' && n >= 0:
			product *= open[n]
			open = open[:n]
		}
	}
	return product
}

// setPath makes Path the folder of a prefix ("" for the root) or the whole
// path of a single object.
func (t *target) setPath() error {
	if len(t.Path) > maxPath {
		return fmt.Errorf("the path has %d bytes, more than the limit of %d", len(t.Path), maxPath)
	}
	if t.prefix {
		t.Path = strings.TrimSuffix(t.Path, "/")
		if t.Path != "" && !isPath(t.Path) {
			return errors.New("the path \"" + t.Path + "\" has an empty, \".\" or \"..\" component")
		}
		return nil
	}
	if t.Path == "" || strings.HasSuffix(t.Path, "/") {
		t.Path += path.Base(t.object.Key)
	}
	if !isPath(t.Path) {
		return errors.New("the path \"" + t.Path + "\" has an empty, \".\" or \"..\" component: give another path")
	}
	return nil
}

// isPath reports whether p can be the path of a file in a collection.
func isPath(p string) bool {
	for component := range strings.SplitSeq(p, "/") {
		if component == "" || component == "." || component == ".." {
			return false
		}
	}
	return true
}

// parseURL reads what a person would paste. It is laxer than
// locator.ParseURL about which characters are percent-encoded, and says so
// where it must guess.
func parseURL(text string) (locator.Object, error) {
	bucket, rest, err := splitURL(text)
	if err != nil {
		return locator.Object{}, err
	}
	rest, query, _ := strings.Cut(rest, "?")
	if strings.Contains(rest+query, "#") {
		return locator.Object{}, errors.New("write \"#\" in a key as %23, or use bucket and key in place of url")
	}
	o := locator.Object{Bucket: bucket}
	if o.Key, err = url.PathUnescape(rest); err != nil {
		return o, errors.New("write \"%\" in a key as %25, or use bucket and key in place of url")
	}
	if query == "" {
		return o, nil
	}
	version, ok := strings.CutPrefix(query, "versionId=")
	if !ok || strings.Contains(version, "&") {
		return o, errors.New("the URL may have the parameter versionId only; write \"?\" in a key as %3F, or use bucket and key in place of url")
	}
	if o.VersionID, err = url.PathUnescape(version); err != nil {
		return o, errors.New("the versionId is not percent-encoded correctly")
	}
	return o, o.Check()
}

// splitURL splits s3://bucket/rest and the two https forms of AWS. The host
// of the latter only gives the bucket: requests go where the access rules say.
func splitURL(text string) (bucket, rest string, err error) {
	if tail, ok := strings.CutPrefix(text, "s3://"); ok {
		bucket, rest, _ = strings.Cut(tail, "/")
		return bucket, rest, nil
	}
	tail, ok := strings.CutPrefix(text, "https://")
	host, rest, _ := strings.Cut(tail, "/")
	if !ok || !strings.HasSuffix(host, ".amazonaws.com") {
		return "", "", errors.New("the URL must begin with s3://, or be an https URL of S3 (bucket.s3.region.amazonaws.com)")
	}
	if strings.HasPrefix(host, "s3.") || strings.HasPrefix(host, "s3-") {
		bucket, rest, _ = strings.Cut(rest, "/")
		return bucket, rest, nil
	}
	for _, mark := range []string{".s3.", ".s3-"} {
		if i := strings.LastIndex(host, mark); i > 0 {
			return host[:i], rest, nil
		}
	}
	return "", "", errors.New("the https URL names no bucket")
}
