// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func newAccess() *cobra.Command {
	return newGroup("access", "Explain who may read what", newAccessTest(), newExternalID())
}
