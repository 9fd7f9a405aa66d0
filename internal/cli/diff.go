// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// comparing are the flags of diff and refresh.
type comparing struct {
	asOf    string
	sources []string
}

func (o *comparing) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.asOf, "as-of", "", "compare with the versions of this time or day, such as 2026-10-01T12:00:00Z")
	cmd.Flags().StringArrayVar(&o.sources, "source", nil, "S3 `URL` to compare with in place of the recorded sources; may be repeated")
}

// options returns what to compare with.
func (o *comparing) options() (collection.DiffOptions, error) {
	asOf, err := parseTime(o.asOf)
	d := collection.DiffOptions{AsOf: asOf}
	for _, url := range o.sources {
		d.Sources = append(d.Sources, collection.Source{URL: url})
	}
	return d, err
}

// difference is the result of diff and refresh, for --json.
type difference struct {
	Collection string `json:"collection"`
	Added      int    `json:"added"`
	Updated    int    `json:"updated"`
	Deleted    int    `json:"deleted"`
	Unchanged  int    `json:"unchanged"`
	// NotJudged counts files whose objects the import leaves out now.
	NotJudged int                  `json:"not_judged"`
	Changes   []changed            `json:"changes"`
	Skipped   []collection.Skipped `json:"skipped"`
	NotKnown  []string             `json:"not_known"`
	// Hash is the portable data hash after a refresh that stored something.
	Hash string `json:"portable_data_hash,omitempty"`
}

// changed is one difference.
type changed struct {
	Kind collection.ChangeKind `json:"kind"`
	Path string                `json:"path"`
	Old  string                `json:"old,omitempty"`
	New  string                `json:"new,omitempty"`
	Size int64                 `json:"size"`
	// Left says why a refresh leaves it alone: "part", since the file is not one
	// whole object; "deleted", since --append keeps such files; or "taken",
	// since there is something else at the path.
	Left string `json:"left,omitempty"`
}

func newDiff() *cobra.Command {
	var o comparing
	cmd := &cobra.Command{
		Use:   "diff COLLECTION",
		Short: "Compare a collection with what is in S3 now",
		Long: `Diff lists the sources that a collection was imported from again and tells what
is different: objects that were added, updated (with the old and new version)
or deleted. Objects are found by bucket and key, so files may have been renamed.
Nothing is changed.

The exit status is 3 when something is different, or could not be judged.`,
		Example: `  keepstore diff zzzzz-4zz18-0123456789abcde
  keepstore diff --as-of 2026-10-01 zzzzz-4zz18-0123456789abcde`,
		Args: cobra.ExactArgs(1),
	}
	o.flags(cmd)
	return command(cmd, o.diff)
}

func (o *comparing) diff(ctx context.Context, s *session, args []string) error {
	targets, err := parseWhole("diff", args)
	if err != nil {
		return err
	}
	options, err := o.options()
	if err != nil {
		return err
	}
	c, err := s.load(ctx, targets[0])
	if err != nil {
		return err
	}
	meter := s.meter("diff", -1)
	options.Progress = func(p collection.Progress) { meter.show(plural(p.Listed, "key")) }
	d, err := c.Diff(ctx, options)
	if meter.end(); err != nil {
		return badSource(err)
	}
	shown := newDifference(targets[0].id, d, nil)
	if err := shown.print(s); err != nil {
		return err
	}
	if len(d.Changes) > 0 || d.NotJudged > 0 || len(d.Skipped) > 0 {
		return &Exit{Code: Partial}
	}
	return nil
}

// badSource makes a fault of the command line of a source or filter that is
// none.
func badSource(err error) error {
	switch collection.KindOf(err) {
	case collection.BadSource, "bad-request":
		return &Exit{Usage, err}
	}
	return err
}

// newDifference is what people see of a diff. left may be nil.
func newDifference(id string, d *collection.Diff, left func(collection.Change) string) *difference {
	shown := &difference{Collection: id, Added: d.Count(collection.Added), Updated: d.Count(collection.Updated), Deleted: d.Count(collection.Deleted),
		Unchanged: d.Unchanged, NotJudged: d.NotJudged, Changes: []changed{}, Skipped: []collection.Skipped{}, NotKnown: []string{}}
	shown.Skipped, shown.NotKnown = append(shown.Skipped, d.Skipped...), append(shown.NotKnown, d.NotKnown...)
	for _, c := range d.Changes {
		one := changed{Kind: c.Kind, Path: c.Path, Old: urlOf(c.Old), New: urlOf(c.New), Size: c.Size}
		if left != nil {
			one.Left = left(c)
		}
		shown.Changes = append(shown.Changes, one)
	}
	return shown
}

func urlOf(o locator.Object) string {
	if o == (locator.Object{}) {
		return ""
	}
	return o.URL()
}

func (d *difference) print(s *session) error {
	if s.json {
		return s.printJSON(d)
	}
	var rows [][]string
	for _, c := range d.Changes {
		from := c.New
		if c.New == "" {
			from = c.Old
		} else if c.Old != "" {
			from = c.Old + " → " + c.New
		}
		rows = append(rows, []string{string(c.Kind) + map[bool]string{true: " (left)"}[c.Left != ""], c.Path, from})
	}
	if err := s.printTable(rows...); err != nil {
		return err
	}
	for _, skipped := range d.Skipped {
		s.say("left out of the comparison: %s (%s): %s", escaped(skipped.URL), escaped(skipped.Reason), escaped(skipped.Text))
	}
	s.say("%s: %s added, %s updated, %s deleted, %s unchanged, %s not judged.", d.Collection,
		count(int64(d.Added)), count(int64(d.Updated)), count(int64(d.Deleted)), count(int64(d.Unchanged)), count(int64(d.NotJudged)))
	for _, text := range d.NotKnown {
		s.say("Not known: %s.", text)
	}
	return nil
}
