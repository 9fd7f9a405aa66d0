// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"path"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// refreshing are the flags of refresh.
type refreshing struct {
	comparing
	append, mirror, dry bool
}

func newRefresh() *cobra.Command {
	var o refreshing
	cmd := &cobra.Command{
		Use:   "refresh COLLECTION",
		Short: "Bring a collection to what is in S3 now",
		Long: `Refresh compares as "keepstore diff" does, and takes the differences into the
collection: with --append new objects and new versions; with --mirror also files
whose objects were deleted in S3 are removed. One of both must be given.

Files of objects that did not change keep their locators to the byte. Files that
were written, or are not one whole object, are left alone; so are new objects
for which there is something else at the path. What the collection was before is
kept as an old version, and can be loaded by its portable data hash.

The exit status is 3 when something was left alone or could not be judged, and
with --dry-run that of the refresh, while nothing is changed.`,
		Example: `  keepstore refresh --append --dry-run zzzzz-4zz18-0123456789abcde
  keepstore refresh --mirror zzzzz-4zz18-0123456789abcde`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&o.append, "append", false, "take in new objects and versions; keep files whose objects were deleted")
	cmd.Flags().BoolVar(&o.mirror, "mirror", false, "take in new objects and versions; remove files whose objects were deleted")
	cmd.Flags().BoolVarP(&o.dry, "dry-run", "n", false, "print what would change, and change nothing")
	cmd.MarkFlagsMutuallyExclusive("append", "mirror")
	cmd.MarkFlagsOneRequired("append", "mirror")
	o.flags(cmd)
	return command(cmd, o.refresh)
}

func (o *refreshing) refresh(ctx context.Context, s *session, args []string) error {
	targets, err := parseWhole("refresh", args)
	if err == nil {
		err = targets[0].mustBeStored()
	}
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
	meter := s.meter("refresh", -1)
	options.Progress = func(p collection.Progress) { meter.show(plural(p.Listed, "key")) }
	shown, err := o.apply(ctx, s, c, options)
	if meter.end(); err != nil {
		return badSource(err)
	}
	if err := shown.print(s); err != nil {
		return err
	}
	if shown.Hash != "" {
		s.say("%s has the portable data hash %s now.", shown.Collection, shown.Hash)
	}
	if shown.NotJudged > 0 || len(shown.Skipped) > 0 || shown.left() > 0 {
		return &Exit{Code: Partial}
	}
	return nil
}

// apply refreshes and stores the collection, unless it is a dry run or there
// is nothing to store.
func (o *refreshing) apply(ctx context.Context, s *session, c *collection.Collection, options collection.DiffOptions) (*difference, error) {
	mode := collection.Append
	if o.mirror {
		mode = collection.Mirror
	}
	d, err := c.Refresh(ctx, collection.RefreshOptions{DiffOptions: options, Mode: mode, DryRun: o.dry})
	if err != nil {
		return nil, err
	}
	shown := newDifference(c.Record().UUID, d, func(change collection.Change) string { return o.left(s, c, change) })
	if o.dry || shown.left() == len(shown.Changes) {
		return shown, nil
	}
	if err := c.Save(ctx, collection.SaveOptions{KeepVersion: true, Merge: true}); err != nil {
		return nil, err
	}
	shown.Hash = c.Record().PDH
	return shown, nil
}

// left says why the refresh of c leaves a change alone; see changed.
func (o *refreshing) left(s *session, c *collection.Collection, change collection.Change) string {
	switch {
	case change.Part:
		return "part"
	case change.Kind == collection.Deleted && o.append:
		return "deleted"
	case change.Kind == collection.Added && o.dry && inTheWay(c, change.Path):
		return "taken"
	case change.Kind == collection.Added && !o.dry && !holds(s, c, change):
		return "taken"
	}
	return ""
}

// inTheWay reports whether there is something at a path, or a file in place
// of one of its folders.
func inTheWay(c *collection.Collection, name string) bool {
	if _, err := c.Stat(name); err == nil {
		return true
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if info, err := c.Stat(dir); err == nil {
			return !info.IsDir()
		}
	}
	return false
}

// holds reports whether a file has the new object. Empty files have none.
func holds(s *session, c *collection.Collection, change collection.Change) bool {
	if info, err := c.Stat(change.Path); err != nil || info.IsDir() || change.Size == 0 {
		return err == nil && info.Size() == 0 && !info.IsDir()
	}
	one, err := alone(s.client, c, change.Path)
	if err != nil {
		return false
	}
	uses := one.Objects()
	return len(uses) == 1 && uses[0].Object == change.New
}

// left counts the changes that are left alone.
func (d *difference) left() int {
	n := 0
	for _, c := range d.Changes {
		if c.Left != "" {
			n++
		}
	}
	return n
}
