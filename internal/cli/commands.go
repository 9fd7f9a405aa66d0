// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"

	"github.com/spf13/cobra"
)

// Commands are the commands for collections, in the order of docs/cli.md.
func Commands() []*cobra.Command {
	return slices.Concat(
		[]*cobra.Command{newImport(), newLs(), newCat(), newGet(), newPut(), newCp(), newMv(), newRm()},
		[]*cobra.Command{newCheck(), newDiff(), newRefresh(), newWhereUsed(), newManifest(), newShare()},
	)
}
