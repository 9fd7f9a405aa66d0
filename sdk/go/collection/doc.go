// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package collection builds, reads, changes and compares Arvados collections
// in which ordinary blocks and S3 objects stand side by side.
//
// A [Client] works with one cluster as one user. It loads a [Collection] by
// UUID, by portable data hash or from manifest text, or makes a new one. A
// Collection is an [io/fs.FS]: files are read by name, in any order, by any
// number of goroutines. Of S3 objects only the ranges asked for are fetched,
// through keepstore, which reads the very version that the collection names.
//
//	client, err := collection.NewClient(server, collection.Options{})
//	c, err := client.Load(ctx, "zzzzz-4zz18-000000000000000")
//	data, err := fs.ReadFile(c, "sub/file.txt")
//
// [Collection.ImportFromS3] adds objects without copying them,
// [Collection.WriteFile] and [Collection.Create] store ordinary blocks,
// [Collection.Copy] takes files from other collections without moving data,
// and [Collection.Save] stores the result. [Collection.Check] asks whether
// all objects can still be read, [Collection.Diff] and [Collection.Refresh]
// compare with what is in S3 now, and [Client.WhereUsed] finds the collections
// that need an object.
//
// The portable data hash is taken over the text as stored, with the identity
// of a block in the place of its hash, so that two data sets never share one.
// The same import, saved by anyone, has the same hash.
//
// Errors about a file are of type [*io/fs.PathError] around an [Error], which
// names the object and its version; [KindOf] tells errors apart. No error has
// a token, a signature or a signed URL in it.
package collection
