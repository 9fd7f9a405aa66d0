// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package tree holds the house rules of this repository as tests.
//
// A [Rule] looks at a [Tree], which is the repository as text and syntax, and
// returns one sentence for each fault: where it is, what is wrong, what to do.
// [Rules] lists them all. The tests of the package run every rule on the
// repository, and on a small bad tree that the rule must find fault with, so
// that no rule can go blind unseen.
//
// Who may import whom is one table, in table.go. A package without a row there
// is a fault, so a new package starts with the question where it belongs.
//
// There are no standing exemptions. Where a rule must yield, the exception
// stands in exceptions.go with its reason.
package tree
