// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"
)

// Commands are the commands for collections, in the order of docs/cli.md.
func Commands() []*cobra.Command {
	return []*cobra.Command{newLs(), newCheck(), newDiff(), newRefresh(), newWhereUsed(), newManifest()}
}
