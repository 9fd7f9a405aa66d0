// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package importer turns S3 URLs and prefixes into lines that describe files
// by pinned, signed locators. It streams: memory does not grow with the number
// of objects.
//
// Rules, each with a test:
//
//   - Every listed key is either imported or skipped with a reason:
//     listed = files + skipped. Keys that the caller's own filters leave out
//     are counted (reason "excluded") and not shown one by one.
//   - Keys come in listing order, which is that of their UTF-8 bytes; sources
//     come in the order of the request.
//   - Size, ETag and version of a file come from one reply of S3.
//   - A key whose current version is a delete marker is skipped ("deleted");
//     a key that ends in "/" is skipped ("folder-placeholder", or "bad-name"
//     when it has bytes); a key that cannot be a path (empty, "." or ".."
//     segment, control of a listing that lost its bytes) is skipped
//     ("bad-name", "undecodable-key"); an object without version is skipped
//     ("unpinned") unless its access rule allows ETag pins, and then marked
//     as weakly pinned; an object larger than S3's maximum is skipped
//     ("too-large"). Archived objects are imported and marked.
//   - When one name is both a file and a folder (keys "a" and "a/b"), the
//     first in key order, the file, stays; the others are skipped
//     ("name-clash").
//   - An empty object becomes the empty block, which S3 is never asked for.
//   - The last line is "done". Without it the import is not complete.
package importer
