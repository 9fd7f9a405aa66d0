// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

// used is a collection that needs an object, for whereused --json.
type used struct {
	UUID  string `json:"uuid"`
	Hash  string `json:"portable_data_hash"`
	Name  string `json:"name"`
	Owner string `json:"owner_uuid"`
	// Objects, Files and Bytes count what of the collection lies there.
	Objects int   `json:"objects"`
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
}

func newWhereUsed() *cobra.Command {
	return command(&cobra.Command{
		Use:   "whereused s3://BUCKET/KEY",
		Short: "Find the collections that need an S3 object, a version or a prefix",
		Long: `Whereused finds the collections, of those that you may see, that have bytes of
an object (s3://bucket/key), of one version of it (s3://bucket/key?versionId=…),
or of anything below a prefix (s3://bucket/prefix/). Keys are percent-encoded,
as "keepstore ls --long" prints them.

It cannot know of collections that you may not see, nor of those that were stored
by programs that do not record their sources: an administrator sees the most.

The exit status is 0 when at least one collection needs it, and 3 when none does
that you may see.`,
		Example: `  keepstore whereused s3://bucket/prefix/
  keepstore whereused 's3://bucket/key?versionId=abc'`,
		Args: cobra.ExactArgs(1),
	}, whereUsed)
}

func whereUsed(ctx context.Context, s *session, args []string) error {
	if !strings.HasPrefix(args[0], "s3://") {
		return usagef("%s is not an S3 URL such as s3://bucket/key or s3://bucket/prefix/", quote(args[0]))
	}
	all := []used{}
	for use, err := range s.client.WhereUsed(ctx, args[0]) {
		if err != nil {
			return badSource(err)
		}
		all = append(all, used{use.UUID, use.PDH, use.Name, use.OwnerUUID, use.Objects, use.Files, use.Bytes})
	}
	if err := printUsed(s, all); err != nil {
		return err
	}
	if len(all) == 0 {
		return &Exit{Code: Partial}
	}
	return nil
}

func printUsed(s *session, all []used) error {
	if s.json {
		return s.printJSON(all)
	}
	var rows [][]string
	for _, u := range all {
		rows = append(rows, []string{u.UUID, plural(int64(u.Objects), "object version"), plural(u.Files, "file"), size(u.Bytes), u.Name})
	}
	s.say("%s that you may see.", plural(int64(len(all)), "collection"))
	return s.printTable(rows...)
}
