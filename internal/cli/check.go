// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// checking are the flags of check.
type checking struct {
	strict bool
	within string
}

// checked is the result for one collection, for check --json.
type checked struct {
	Collection string `json:"collection"`
	// Good says that all object versions can be read now.
	Good bool `json:"good"`
	// Counts has the number of object versions of each status.
	Counts  map[collection.Status]int `json:"counts"`
	Objects []checkedObject           `json:"objects"`
	// Lifecycle are the rules by which objects become unreadable some day.
	Lifecycle []collection.RuleUse `json:"lifecycle"`
	// Locked counts object versions that nothing may remove now.
	Locked      int        `json:"locked"`
	LockedUntil *time.Time `json:"locked_until,omitempty"`
	NotKnown    []string   `json:"not_known"`
}

// checkedObject is an object version that cannot be read, or not for ever.
type checkedObject struct {
	URL    string            `json:"url"`
	Status collection.Status `json:"status"`
	// Error is a word of docs/errors.md, Text its sentence.
	Error collection.Kind `json:"error,omitempty"`
	Text  string          `json:"text"`
	// Ends is from when it cannot be read any more, EndsBy the lifecycle rule
	// that removes it.
	Ends        *time.Time `json:"ends,omitempty"`
	EndsBy      string     `json:"ends_by,omitempty"`
	LockedUntil *time.Time `json:"locked_until,omitempty"`
	LegalHold   bool       `json:"legal_hold,omitempty"`
	// Files are up to ten files that need it, of FileCount.
	Files     []string `json:"files"`
	FileCount int      `json:"file_count"`
}

func newCheck() *cobra.Command {
	var o checking
	cmd := &cobra.Command{
		Use:   "check COLLECTION...",
		Short: "Ask whether all S3 objects of a collection can be read",
		Long: `Check asks for each S3 object version that a collection needs whether you can
read it now: by one HEAD, without reading the object. It prints those that you
cannot read, or not for ever, with the first file that needs them, and one of
these words.

  gone          the version, the object or the bucket does not exist any more
  changed       it was pinned by ETag only, and overwritten
  size-differs  it is shorter than the collection says
  denied        you, or the server, may not read it
  key-rotated   S3 does not know the access key any more: replace it
  archived      it must be restored first
  restoring     it is archived, and is being restored
  expiring      it can be read now, until the day that the line tells
  unknown       the question could not be answered; --json tells why

Then come the lifecycle rules by which object versions are removed some day, as
far as the server can tell you: for that it takes the right to import from the
bucket. Ordinary blocks are not asked for: that is the work of keep-balance.

The exit status is 0 when all can be read now, also when some are expiring; 3
when at least one cannot; and 1 when nothing is known to be lost but some
questions could not be answered. With --strict it is also 3 when an object is
expiring, or a lifecycle rule removes some that it is about; with --within 30d
only when that is in the next 30 days, for a rule, when an object overwritten
today would be gone by then.`,
		Example: `  keepstore check zzzzz-4zz18-0123456789abcde
  keepstore check --within 30d zzzzz-4zz18-0123456789abcde || mail -s 'data at risk' ann@example.org
  keepstore check --json zzzzz-4zz18-0123456789abcde | jq -r '.[].objects[].url'`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().BoolVar(&o.strict, "strict", false, "exit with 3 also when objects will be removed some day")
	cmd.Flags().StringVar(&o.within, "within", "", "exit with 3 also when objects will be removed within this time, such as 30d or 12h")
	return command(cmd, o.work)
}

func (o *checking) work(ctx context.Context, s *session, args []string) error {
	targets, err := parseWhole("check", args)
	if err != nil {
		return err
	}
	horizon, err := o.horizon()
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
	return verdict(all, horizon)
}

// forever is a horizon that takes in all that is known.
const forever = time.Duration(math.MaxInt64)

// horizon is how far ahead objects must be readable for status 0; 0 is now.
func (o *checking) horizon() (time.Duration, error) {
	if o.within == "" {
		if o.strict {
			return forever, nil
		}
		return 0, nil
	}
	number, inDays := strings.CutSuffix(o.within, "d")
	days, err := strconv.ParseUint(number, 10, 16)
	horizon := time.Duration(days) * 24 * time.Hour
	if !inDays {
		horizon, err = time.ParseDuration(o.within)
	}
	if err != nil || horizon <= 0 || o.strict {
		return 0, usagef("give --strict, or --within with a time such as 30d or 12h, not %s", quote(o.within))
	}
	return horizon, nil
}

// verdict is the exit code: what is known to be lost tells more than what is
// not known.
func verdict(all []checked, horizon time.Duration) error {
	bad, unknown, ending := 0, 0, 0
	for _, one := range all {
		unknown += one.Counts[collection.IsUnknown]
		for _, o := range one.Objects {
			if !o.Status.Readable() {
				bad++
			}
		}
		ending += one.ending(horizon)
	}
	switch {
	case bad > unknown || ending > 0:
		return &Exit{Code: Partial}
	case bad > 0:
		return &Exit{Failed, fmt.Errorf("%s could not be asked for: try again", plural(int64(unknown), "object version"))}
	}
	return nil
}

// ending counts what will, or may, be removed within the horizon.
func (c checked) ending(horizon time.Duration) int {
	if horizon == 0 {
		return 0
	}
	n := 0
	for _, o := range c.Objects {
		if o.Ends != nil && time.Until(*o.Ends) <= horizon {
			n++
		}
	}
	for _, r := range c.Lifecycle {
		if horizon == forever || int64(r.NoncurrentDays) <= int64(horizon/(24*time.Hour)) { // a Duration ends after 292 years
			n += r.Objects
		}
	}
	return n
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
	one := checked{Collection: t.id, Good: report.Good(), Counts: report.Counts, Objects: []checkedObject{}, NotKnown: report.NotKnown,
		Lifecycle: append([]collection.RuleUse{}, report.Lifecycle...), Locked: report.Locked, LockedUntil: orNil(report.LockedUntil)}
	for _, o := range report.Objects {
		one.Objects = append(one.Objects, checkedObject{URL: o.Object.URL(), Status: o.Status, Error: o.Word, Text: o.Text,
			Ends: orNil(o.Ends), EndsBy: o.EndsBy, LockedUntil: orNil(o.LockedUntil), LegalHold: o.LegalHold, Files: o.Files, FileCount: o.FileCount})
	}
	return one
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
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
	told := map[string]bool{}
	for _, one := range all {
		one.say(s)
		for _, text := range one.NotKnown {
			if !told[text] {
				s.say("Not known: %s.", clean(text))
			}
			told[text] = true
		}
	}
	return nil
}

// say tells on standard error what a collection has to expect.
func (c checked) say(s *session) {
	s.say("%s", c.summary())
	for _, r := range c.Lifecycle {
		s.say("%s. That is about %s.", clean(r.Text), plural(int64(r.Objects), "object version"))
	}
	if c.Locked > 0 {
		text := "nothing may remove " + plural(int64(c.Locked), "object version")
		if c.LockedUntil != nil {
			text += ", the first until " + c.LockedUntil.Format(time.DateOnly)
		}
		s.say("Object Lock: %s.", text)
	}
}

// needs names the first file that needs an object.
func (o checkedObject) needs(id string) string {
	text := id + "/" + strings.Join(o.Files[:min(1, len(o.Files))], "")
	if o.FileCount > 1 {
		text += " and " + plural(int64(o.FileCount-1), "other file")
	}
	if o.Ends != nil {
		text += " until " + o.Ends.Format(time.DateOnly)
	}
	if o.EndsBy != "" {
		text += " (lifecycle rule " + quote(o.EndsBy) + ")"
	}
	return text
}

// summary is one sentence about a collection.
func (c checked) summary() string {
	total, parts := 0, []string(nil)
	for _, n := range c.Counts {
		total += n
	}
	for _, status := range []collection.Status{collection.OK, collection.IsExpiring, collection.IsGone, collection.IsChanged, collection.IsShort,
		collection.IsDenied, collection.IsKeyRotated, collection.IsArchived, collection.IsRestoring, collection.IsUnknown} {
		if n := c.Counts[status]; n > 0 {
			parts = append(parts, count(int64(n))+" "+string(status))
		}
	}
	text := c.Collection + " needs " + plural(int64(total), "object version")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text + "."
}
