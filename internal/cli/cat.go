// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

func newCat() *cobra.Command {
	var part string
	cmd := &cobra.Command{
		Use:   "cat COLLECTION/PATH...",
		Short: "Write files, or a part of one, to standard output",
		Long: `Cat writes the bytes of files to standard output. With --range it asks for no
others: 0-99 are the first hundred, 100- is all but these, -100 are the last.`,
		Example: `  keepstore cat zzzzz-4zz18-0123456789abcde/README
  keepstore cat --range 0-27 zzzzz-4zz18-0123456789abcde/sample.bam | xxd`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().StringVar(&part, "range", "", "only the bytes from OFFSET to END, both included: OFFSET-END, OFFSET- or -COUNT")
	command(cmd, func(ctx context.Context, s *session, args []string) error {
		targets, err := parseTargets(args)
		if err != nil {
			return err
		}
		for _, t := range targets {
			if err := s.cat(ctx, t, part); err != nil {
				return err
			}
		}
		return nil
	})
	_ = cmd.Flags().MarkHidden("json") // files are not JSON
	_ = cmd.Flags().MarkHidden("no-progress")
	return cmd
}

func (s *session) cat(ctx context.Context, t target, part string) error {
	if _, _, err := parseRange(part, 1); err != nil {
		return err
	}
	c, err := s.load(ctx, t)
	if err != nil {
		return err
	}
	f, err := open(ctx, c, t)
	if err != nil {
		return err
	}
	defer f.Close()
	if part == "" {
		_, err = f.WriteTo(s.out)
		return err
	}
	from, to, err := parseRange(part, f.Size())
	if err != nil {
		return err
	}
	if from >= f.Size() {
		return usagef("%s has %d bytes, so there are none from %d on", t, f.Size(), from)
	}
	_, err = io.Copy(s.out, io.NewSectionReader(f, from, to-from))
	return err
}

// open opens the file of a target.
func open(ctx context.Context, c *collection.Collection, t target) (*collection.File, error) {
	info, err := c.Stat(t.path)
	if err != nil {
		return nil, readable(err)
	}
	if info.IsDir() {
		return nil, usagef("%s is a folder", t)
	}
	return c.OpenFile(ctx, t.path)
}

// parseRange reads OFFSET-END, OFFSET- or -COUNT of a file of a size. to is the
// first byte after the range.
func parseRange(text string, size int64) (from, to int64, err error) {
	if text == "" {
		return 0, size, nil
	}
	first, last, dash := strings.Cut(text, "-")
	bad := usagef("--range must be OFFSET-END, OFFSET- or -COUNT, not %s", quote(text))
	numbers := [2]int64{0, size - 1}
	for i, digits := range []string{first, last} {
		if digits == "" {
			continue
		}
		if numbers[i], err = strconv.ParseInt(digits, 10, 64); err != nil || digits[0] < '0' || digits[0] > '9' {
			return 0, 0, bad
		}
	}
	switch {
	case !dash || first == "" && last == "" || first != "" && last != "" && numbers[1] < numbers[0]:
		return 0, 0, bad
	case first == "":
		return max(0, size-numbers[1]), size, nil
	}
	return numbers[0], min(size, max(numbers[1], numbers[1]+1)), nil
}
