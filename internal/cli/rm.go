// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

func newRm() *cobra.Command {
	var recursive, force bool
	cmd := &cobra.Command{
		Use:   "rm COLLECTION/PATH...",
		Short: "Take files out of a collection",
		Long: `Rm takes files, and with --recursive folders, out of collections. Nothing is
deleted in S3. All paths of one collection go in one step, or none.`,
		Example: "  keepstore rm --recursive zzzzz-4zz18-0123456789abcde/tmp",
		Args:    cobra.MinimumNArgs(1),
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "take folders out, with all that is in them")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "a path that does not exist is no error")
	return command(cmd, func(ctx context.Context, s *session, args []string) error {
		targets, err := parseTargets(args)
		if err != nil {
			return err
		}
		for _, t := range targets {
			if t.path == "." {
				return usagef("%s is a whole collection: rm takes paths in collections", t)
			}
		}
		return s.printEdited(s.editAll(ctx, targets, func(c *collection.Collection, t target) error { return remove(c, t, recursive, force) }))
	})
}

func remove(c *collection.Collection, t target, recursive, force bool) error {
	info, err := c.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && force:
		return nil
	case err != nil:
		return readable(err)
	case info.IsDir() && !recursive:
		return usagef("%s is a folder: give --recursive to take it out", t)
	}
	return readable(c.Remove(t.path))
}
