// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package s3read reads exact byte ranges of pinned S3 object versions,
// describes objects, and lists versions.
//
// A read is one GET and nothing else. Its reply is accepted only if it is a
// 206 whose Content-Range, Content-Length and version (or ETag) are those
// asked for, and then every byte is counted. A reply that breaks off is
// resumed where it stopped, at the same version and ETag. So a [Body] gives
// exactly the bytes of its extent, or an [*Error]; never fewer, never others.
//
// The package sends a few plain HTTP requests of its own (GET, HEAD, the two
// listings and two questions about a bucket), signed with AWS Signature
// Version 4. It does not use the S3 client of the AWS SDK, which follows
// redirects to any host, takes a reply of another range or version for the one
// asked for, and sets no limit on error bodies or on silence.
//
// Every wait has a limit ([Options]). The limits on silence and on speed
// count only time spent waiting for S3, never the time that the caller takes;
// Options.Total counts everything from Open to Close.
//
// To read the code, follow one read: [Reader.Open] (open.go) makes a request
// (request.go), sends it (client.go), checks the reply (accept.go), and
// returns a [Body] (body.go) that resumes by the same path. What an error
// reply means is in classify.go.
package s3read
