// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package directory keeps blocks as files of a directory. The layout is that
// of the Directory volumes of Arvados keepstore, so either program can serve
// what the other has written:
//
//	<root>/acb/acbd18db4cc2f85cedef654fccc4a4d8                    a block
//	<root>/acb/acbd18db4cc2f85cedef654fccc4a4d8.trash.1795188656   trash, and when it may go (Unix time)
//	<root>/acb/acbd18db4cc2f85cedef654fccc4a4d8.corrupt.17951…     set aside: other bytes than its name says
//	<root>/acb/.tmp-acbd18db4cc2f85cedef654fccc4a4d8-…             being written
//	<root>/.keepstore-device-id                                    names the volume, see DeviceID
//
// A block is written to a temporary file, which is synced and renamed, and
// then its folder is synced. The time of a block is the file's modification
// time. Between processes (also between hosts, where the file system does it)
// the changes of one block are ordered by flock on its file, as upstream does.
//
// Nothing outside the root is ever opened: a symbolic link that leads out of
// it is an error.
package directory
