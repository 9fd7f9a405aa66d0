// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package s3volume keeps blocks as objects of a bucket. The layout is that of
// the S3 volumes of Arvados keepstore with PrefixLength 3, under a prefix of
// ours that may be empty:
//
//	acb/acbd18db4cc2f85cedef654fccc4a4d8               a block
//	recent/acb/acbd18db4cc2f85cedef654fccc4a4d8        empty; its time is the time of the block
//	trash/acb/acbd18db4cc2f85cedef654fccc4a4d8         trash; its time is when it was trashed
//	set-aside/acb/acbd18db4cc2f85cedef654fccc4a4d8.17… other bytes than its name says
//
// S3 has neither locks nor rename. So Trash copies, looks at the time of the
// block again, and then deletes; and whoever misses a block looks whether its
// trash is older than its last Put or Touch, and if so brings it back: then a
// Put and a Trash of two servers have crossed. Both times come from the S3
// server, never from a clock of ours.
//
// The bucket needs no versioning. With versioning every Touch leaves a small
// old version, which a lifecycle rule should expire.
package s3volume
