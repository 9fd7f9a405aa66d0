// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// listing are the flags of ls.
type listing struct {
	long, recursive, null, needs bool
	batch                        string
}

// listed is a file or folder, for ls --json.
type listed struct {
	Path   string      `json:"path"`
	Folder bool        `json:"folder,omitempty"`
	Size   int64       `json:"size"`
	S3     []reference `json:"s3,omitempty"`
}

// reference is an S3 object version that a file has bytes of.
type reference struct {
	URL   string `json:"url"`
	Bytes int64  `json:"bytes"`
}

func newLs() *cobra.Command {
	var o listing
	cmd := &cobra.Command{
		Use:   "ls COLLECTION[/PATH]...",
		Short: "List the files of a collection",
		Long: `Ls lists files and folders, sorted by name. With --long each line has the size
in bytes, the path, and the S3 object with its version that the file comes from.

With --objects it lists the S3 object versions that all files there need, each
once: its size, a tab, and its URL with the version. With --batch-csv it writes
them, in place of printing, as manifests of S3 Batch Operations, which the owner
of a bucket can use to tag or lock them: FOLDER/BUCKET.csv for each bucket, with
bucket, percent-encoded key and version id. Objects that are pinned by ETag only
have no version; they are left out, and the exit status is 3.

Names are escaped as in manifests: what cannot be printed, and the backslash,
is shown as \ooo, so \134 is a backslash. With --null and --json they are as
they are, and so cat and the other commands take them. Of several COLLECTIONs
each has a line with its name above its files.`,
		Example: `  keepstore ls zzzzz-4zz18-0123456789abcde
  keepstore ls --long --recursive zzzzz-4zz18-0123456789abcde/data
  keepstore ls --objects zzzzz-4zz18-0123456789abcde
  keepstore ls --batch-csv manifests zzzzz-4zz18-0123456789abcde zzzzz-4zz18-abcde0123456789`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().BoolVarP(&o.long, "long", "l", false, "show sizes and S3 object versions")
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "R", false, "list what is in folders, too")
	cmd.Flags().BoolVarP(&o.null, "null", "0", false, "print names as they are, with a zero byte after each")
	cmd.Flags().BoolVar(&o.needs, "objects", false, "list the S3 object versions that the files need")
	cmd.Flags().StringVar(&o.batch, "batch-csv", "", "write the S3 object versions into manifests of S3 Batch Operations in this folder")
	command(cmd, o.work).MarkFlagsMutuallyExclusive("null", "json")
	cmd.MarkFlagsMutuallyExclusive("null", "long", "objects", "batch-csv")
	cmd.MarkFlagsMutuallyExclusive("recursive", "objects", "batch-csv") // these go through all folders anyway
	return cmd
}

func (o *listing) work(ctx context.Context, s *session, args []string) error {
	targets, err := parseTargets(args)
	if err != nil {
		return err
	}
	switch {
	case o.needs:
		return o.objects(ctx, s, targets)
	case o.batch != "":
		return o.batchCSV(ctx, s, targets)
	}
	all := []listed{}
	for i, t := range targets {
		c, err := s.load(ctx, t)
		if err != nil {
			return err
		}
		found, err := o.list(ctx, c, t)
		if err != nil {
			return err
		}
		if s.json || o.null || len(targets) == 1 {
			all = append(all, found...)
			continue
		}
		if _, err := fmt.Fprintf(s.out, "%s%s:\n", map[bool]string{true: "\n"}[i > 0], t); err != nil {
			return err
		}
		if err := o.print(s, found); err != nil {
			return err
		}
	}
	if len(targets) > 1 && !s.json && !o.null {
		return nil
	}
	return o.print(s, all)
}

func (o *listing) print(s *session, all []listed) error {
	if s.json {
		return s.printJSON(all)
	}
	var rows [][]string
	var lines []string
	for _, l := range all {
		name := l.Path
		if l.Folder {
			name += "/"
		}
		rows, lines = append(rows, l.row(name)), append(lines, name)
	}
	switch {
	case o.null:
		return s.printNull(lines)
	case o.long:
		return s.printTable(rows...)
	}
	return s.printNames(lines)
}

// row is the line of ls --long.
func (l listed) row(name string) []string {
	source := ""
	for i, r := range l.S3 {
		if source = r.URL; i > 0 {
			return []string{strconv.FormatInt(l.Size, 10), name, l.S3[0].URL + " and " + plural(int64(len(l.S3)-1), "other")}
		}
	}
	if l.Folder {
		return []string{"", name, ""}
	}
	return []string{strconv.FormatInt(l.Size, 10), name, source}
}

// list returns a file, or what is in a folder.
func (o *listing) list(ctx context.Context, c *collection.Collection, t target) ([]listed, error) {
	found := []listed{}
	err := fs.WalkDir(c, t.path, func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if d.IsDir() && name == t.path {
			return nil
		}
		l := listed{Path: name, Folder: d.IsDir()}
		if !l.Folder {
			if l.Size, l.S3, err = o.describe(c, name, d); err != nil {
				return err
			}
		}
		if !l.Folder || !o.recursive {
			found = append(found, l)
		}
		if l.Folder && !o.recursive {
			return fs.SkipDir
		}
		return nil
	})
	return found, readable(err)
}

// describe returns the size and, if these are shown, the S3 objects of a file.
func (o *listing) describe(c *collection.Collection, name string, d fs.DirEntry) (int64, []reference, error) {
	info, err := d.Info()
	if err != nil || !o.long {
		return info.Size(), nil, err
	}
	var found []reference
	for use, err := range c.ObjectsIn(name) {
		if err != nil {
			return 0, nil, err
		}
		found = append(found, reference{use.Object.URL(), use.Bytes})
	}
	return info.Size(), found, nil
}

// alone is a collection of just one file. Its portable data hash says which
// bytes the file has.
func alone(client *collection.Client, c *collection.Collection, name string) (*collection.Collection, error) {
	one := client.New()
	return one, one.Copy(path.Base(name), c, name)
}

// readable makes a sentence of errors of the library about paths.
func readable(err error) error {
	about := (*fs.PathError)(nil)
	if !errors.As(err, &about) || collection.KindOf(err) != "" && collection.KindOf(err) != collection.BadPath {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &sentence{"there is no " + quote(about.Path) + " in the collection", err}
	case errors.Is(err, fs.ErrExist):
		return &sentence{"there is a " + quote(about.Path) + " in the collection already", err}
	}
	return &sentence{quote(about.Path) + " cannot be used: " + about.Err.Error(), err}
}

// sentence is an error in other words.
type sentence struct {
	text  string
	cause error
}

// Error returns the sentence.
func (s *sentence) Error() string { return s.text }

// Unwrap returns the cause.
func (s *sentence) Unwrap() error { return s.cause }
