// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// checked is the result for one collection, for check --json.
type checked struct {
	Collection string `json:"collection"`
	// Good says that all object versions can be read.
	Good bool `json:"good"`
	// Counts has the number of object versions of each status.
	Counts   map[collection.Status]int `json:"counts"`
	Objects  []checkedObject           `json:"objects"`
	NotKnown []string                  `json:"not_known"`
}

// checkedObject is an object version that cannot be read.
type checkedObject struct {
	URL    string            `json:"url"`
	Status collection.Status `json:"status"`
	// Error is a word of docs/errors.md, Text its sentence.
	Error collection.Kind `json:"error"`
	Text  string          `json:"text"`
	// Files are up to ten files that need it, of FileCount.
	Files     []string `json:"files"`
	FileCount int      `json:"file_count"`
}

func newCheck() *cobra.Command {
	return command(&cobra.Command{
		Use:   "check COLLECTION...",
		Short: "Ask whether all S3 objects of a collection can be read",
		Long: `Check asks for each S3 object version that a collection needs whether you can
read it now: by one HEAD, without reading the object. It prints those that you
cannot read with the first file that needs them, and one of these words.

  gone      the version, the object or the bucket does not exist any more
  changed   it was pinned by ETag only, and overwritten
  denied    you, or the server, may not read it
  archived  it must be restored first
  unknown   the question could not be answered; --json tells why

Ordinary blocks are not asked for: that is the work of keep-balance.

The exit status is 0 when all can be read, 3 when at least one cannot, and 1 when
nothing is known to be lost but some questions could not be answered.`,
		Example: `  keepstore check zzzzz-4zz18-0123456789abcde
  keepstore check --json zzzzz-4zz18-0123456789abcde | jq -r '.[].objects[].url'`,
		Args: cobra.MinimumNArgs(1),
	}, check)
}

func check(ctx context.Context, s *session, args []string) error {
	targets, err := parseWhole("check", args)
	if err != nil {
		return err
	}
	all := []checked{}
	for _, t := range targets {
		c, err := s.load(ctx, t)
		if err != nil {
			return err
		}
		meter := s.meter("check", -1)
		report, err := c.Check(ctx, collection.CheckOptions{Progress: func(done, of int) {
			meter.show(count(int64(done)) + " of " + plural(int64(of), "object version"))
		}})
		if meter.end(); err != nil {
			return err
		}
		all = append(all, newChecked(t, report))
	}
	if err := printChecked(s, all); err != nil {
		return err
	}
	return verdict(all)
}

// verdict is the exit code: what is known to be lost tells more than what is
// not known.
func verdict(all []checked) error {
	bad, unknown := 0, 0
	for _, one := range all {
		bad, unknown = bad+len(one.Objects), unknown+one.Counts[collection.IsUnknown]
	}
	switch {
	case bad > unknown:
		return &Exit{Code: Partial}
	case bad > 0:
		return &Exit{Failed, fmt.Errorf("%s could not be asked for: try again", plural(int64(unknown), "object version"))}
	}
	return nil
}

// parseWhole reads targets that must be whole collections.
func parseWhole(verb string, args []string) ([]target, error) {
	targets, err := parseTargets(args)
	for _, t := range targets {
		if t.path != "." {
			return nil, usagef("%s takes whole collections, not %s: leave the path out", verb, t)
		}
	}
	return targets, err
}

func newChecked(t target, report *collection.CheckReport) checked {
	one := checked{Collection: t.id, Good: report.Good(), Counts: report.Counts, Objects: []checkedObject{}, NotKnown: report.NotKnown}
	for _, o := range report.Objects {
		one.Objects = append(one.Objects, checkedObject{URL: o.Object.URL(), Status: o.Status, Error: o.Word, Text: o.Text, Files: o.Files, FileCount: o.FileCount})
	}
	return one
}

func printChecked(s *session, all []checked) error {
	if s.json {
		return s.printJSON(all)
	}
	var rows [][]string
	for _, one := range all {
		for _, o := range one.Objects {
			rows = append(rows, []string{string(o.Status), o.URL, o.needs(one.Collection)})
		}
	}
	if err := s.printTable(rows...); err != nil {
		return err
	}
	for _, one := range all {
		s.say("%s", one.summary())
	}
	for _, text := range all[0].NotKnown {
		s.say("Not known: %s.", text)
	}
	return nil
}

// needs names the first file that needs an object.
func (o checkedObject) needs(id string) string {
	text := id + "/" + strings.Join(o.Files[:min(1, len(o.Files))], "")
	if o.FileCount > 1 {
		text += " and " + plural(int64(o.FileCount-1), "other file")
	}
	return text
}

// summary is one sentence about a collection.
func (c checked) summary() string {
	total, parts := 0, []string(nil)
	for _, n := range c.Counts {
		total += n
	}
	for _, status := range []collection.Status{collection.OK, collection.IsGone, collection.IsChanged, collection.IsDenied, collection.IsArchived, collection.IsUnknown} {
		if n := c.Counts[status]; n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+string(status))
		}
	}
	text := c.Collection + " needs " + plural(int64(total), "object version")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text + "."
}
