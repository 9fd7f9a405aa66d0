// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
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
	more, err := o.listed(stdin)
	if err != nil {
		return nil, err
	}
	all = append(all, more...)
	if len(all) == 0 {
		return nil, usagef("name what to import, such as s3://bucket/folder/")
	}
	for i, s := range all {
		if !strings.HasPrefix(s.URL, "s3://") && !strings.HasPrefix(s.URL, "https://") {
			return nil, usagef("%s is not an S3 URL: it must begin with s3:// or https://", quote(s.URL))
		}
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
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		url, place, _ := strings.Cut(strings.TrimSuffix(lines.Text(), "\r"), "\t")
		if url != "" {
			all = append(all, collection.Source{URL: url, Path: place})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, usagef("%s cannot be read: %w", quote(o.from), err)
	}
	return all, nil
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
