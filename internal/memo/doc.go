// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package memo remembers answers for a bounded time, and lets one question
// serve many who wait for its answer.
//
// An answer lives from the moment its question was asked, and traffic never
// prolongs its life. Refusals live shorter, in a space of their own, so that a
// flood of them cannot push out good answers. Other errors are not remembered
// at all. A question runs apart from all who wait for it: one who leaves
// neither stops it nor is kept by it.
package memo
