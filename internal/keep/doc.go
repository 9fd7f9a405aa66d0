// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package keep works with ordinary Keep blocks on several mounts: where a
// block is looked for, where it is stored and in how many copies, which
// copies may be taken away, and the lists of work that keep-balance sends. It
// behaves as the keepstore of Arvados does, and knows nothing of HTTP.
//
// Each block has its own order of the mounts (rendezvous hashing), the same
// on every server. Reading tries them in that order until one gives bytes
// with the right MD5. Writing refreshes the copies that are there, and then
// writes new ones until each storage class that was asked for has one.
//
// Nothing that was touched within the life time of a permission signature is
// ever taken away: somebody may hold a signed locator of it that no collection
// names yet.
package keep
