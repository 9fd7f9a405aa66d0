// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package volume says what a place for ordinary Keep blocks must do. The
// drivers are the packages below it; volumetest holds every driver to this
// contract.
//
//   - Exact bytes or an error. The MD5 of a block is checked on every read
//     before a byte is released. A stored block that is not what its name says
//     is set aside (renamed, never deleted), reported through an [Event], and
//     from then on missing.
//   - Acknowledged is durable. When Put, Touch or Untrash returns nil, the
//     block survives the death of the process and the loss of power. A Put
//     that does not return nil leaves the block as it was, or whole.
//   - Put of a block that is there and intact refreshes its time and writes no
//     data. This is what keeps a block that somebody is about to refer to away
//     from garbage collection.
//   - An index is complete or an error: every block that was there all the
//     time is in it, once.
//   - Everything that waits ends with its context. The error of a wait that
//     ended is [Canceled] or [Deadline].
//
// All errors are of type [*Error]. All methods of a volume are safe for
// concurrent use.
//
// What a block's bytes are is proven once, by [NewBlock]: only a [Block] can be
// put, so the same bytes go to several volumes without being hashed again.
package volume
