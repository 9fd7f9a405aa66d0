// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// sources are the S3 URLs of the arguments and the file, with the filters.
func (o *importing) sources(stdin io.Reader, args []string) ([]collection.Source, error) {
	asOf, err := parseTime(o.asOf)
	if err != nil {
		return nil, err
	}
	switch o.form {
	case "", "opaque", "derived", "content":
	default:
		return nil, usagef("--form must be opaque, derived or content")
	}
	var all []collection.Source
	for _, url := range args {
		all = append(all, collection.Source{URL: url})
	}
	for _, s := range all {
		if err := checkSource(s); err != nil {
			return nil, usagef("%s: %w", quote(s.URL), err)
		}
	}
	more, err := o.listed(stdin)
	if err != nil {
		return nil, err
	}
	all = append(all, more...)
	if len(all) == 0 {
		return nil, usagef("name what to import, such as s3://bucket/folder/")
	}
	for i, s := range all {
		all[i].AsOf = asOf
		if isPrefix(s.URL) { // filters are for what a prefix stands for
			all[i].Include, all[i].Exclude = o.include, o.exclude
			all[i].IncludeRegexp, all[i].ExcludeRegexp = o.includeRegexp, o.excludeRegexp
		}
	}
	return all, nil
}

// isPrefix reports whether a URL names a bucket or folder.
func isPrefix(url string) bool {
	before, _, _ := strings.Cut(url, "?")
	_, rest, _ := strings.Cut(before, "://")
	return strings.HasSuffix(rest, "/") || !strings.Contains(rest, "/")
}

// listed reads the file of --from.
func (o *importing) listed(stdin io.Reader) ([]collection.Source, error) {
	if o.from == "" {
		return nil, nil
	}
	in := stdin
	if o.from != "-" {
		f, err := os.Open(o.from)
		if err != nil {
			return nil, &Exit{Usage, err}
		}
		defer f.Close()
		in = f
	}
	var all []collection.Source
	lines, number := bufio.NewScanner(in), 0
	for lines.Scan() {
		number++
		line := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") { // no S3 URL begins so
			continue
		}
		url, place, tab := strings.Cut(line, "\t")
		one := collection.Source{URL: url, Path: place}
		if err := checkSource(one); err != nil {
			return nil, usagef("line %d of %s: %s: %w", number, quote(o.from), quote(url), err)
		}
		if !tab && o.spaced == 0 && strings.Contains(url, " ") {
			o.spaced = number
		}
		all = append(all, one)
	}
	if err := lines.Err(); err != nil {
		return nil, usagef("%s cannot be read after line %d: %w", quote(o.from), number, err)
	}
	return all, nil
}

// hint tells, when something went wrong, of a line that may lack its tab. Keys
// may have spaces, so that alone is no fault.
func (o *importing) hint(s *session) {
	if o.spaced > 0 {
		s.say("line %d of %s has a space and no tab: a place in the collection stands behind a tab", o.spaced, quote(o.from))
	}
}

// checkSource finds what the server would refuse.
func checkSource(s collection.Source) error {
	scheme, rest, _ := strings.Cut(s.URL, "://")
	host, _, _ := strings.Cut(rest, "/")
	switch {
	case scheme == "http" || scheme == "https" && !strings.HasSuffix(host, ".amazonaws.com"):
		return errors.New("write s3://BUCKET/KEY; which server is meant, the access rule says")
	case scheme != "https" && scheme != "s3":
		return errors.New("this is not an S3 URL: it must begin with s3:// or https://")
	}
	return s.Check()
}

// parseTime reads a time or a day; an empty text is none.
func parseTime(text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return &t, nil
		}
	}
	return nil, usagef("--as-of must be a time such as 2026-10-01T12:00:00Z, or a day such as 2026-10-01, which means its beginning in UTC")
}
