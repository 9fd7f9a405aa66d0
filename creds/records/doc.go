// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package records finds S3 credentials in the credential records that the
// Arvados API server keeps: the source of mode token.
//
// A record fits a bucket when it has not expired, one of its scopes is
// exactly "s3://<bucket>" or "s3://*", and its class is one of two:
// [ClassKeys] holds an access key, whose secret is fetched with the caller's
// token; [ClassRole] names a role, which is assumed in the name of the
// caller. A record of the caller's own, which they were the last to make or
// edit, beats one that is shared with them, and an exact scope beats "s3://*".
// Permission links do not count, since anyone can give one to anyone. Two
// records that are equally good are an error that names both, never a choice
// by chance. Nothing else in a record counts: hosts and regions come from
// configuration.
//
// What the API server said is remembered per whole token, endpoint, bucket
// and record, for at most [Fresh] from the question on, and never beyond the
// end of the record. Refusals live for at most [FreshRefusal].
package records
