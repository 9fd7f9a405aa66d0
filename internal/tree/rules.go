// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

// Rules returns the house rules.
func Rules() []Rule {
	return []Rule{
		{"file-header", fileHeaders},
		{"file-length", fileLengths},
		{"package-comment", packageComments},
		{"exported-names-documented", documented},
		{"function-length", functionLengths},
		{"interface-size", interfaceSizes},
		{"no-init", noInit},
		{"no-mutable-package-variable", packageVars},
		{"no-foreign-variable-set", foreignVars},
		{"no-skip", noSkips},
		{"import-table", importTable},
		{"import-table-alive", importTableAlive},
		{"no-replace", noReplace},
		{"top-level", topLevel},
		{"links-resolve", linksResolve},
		{"fuzz-seeds", fuzzSeeds},
		{"no-private-path", noPrivatePaths},
	}
}
