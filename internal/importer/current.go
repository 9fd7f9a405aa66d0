// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"iter"
	"time"

	"github.com/arvados-s3/keepstore/s3read"
)

// current yields, for each key of a version listing, the version that counts:
// the latest, or with a time the one that was current then. Keys that did not
// exist at that time are left out. One version is held at a time, however
// many a key has.
func current(versions iter.Seq2[s3read.Version, error], asOf *time.Time) iter.Seq2[s3read.Version, error] {
	return func(yield func(s3read.Version, error) bool) {
		var best s3read.Version
		found := false
		for v, err := range versions {
			if err != nil {
				yield(v, err)
				return
			}
			if found && v.Object.Key != best.Object.Key {
				if !yield(best, nil) {
					return
				}
				found = false
			}
			if counts(v, asOf) && (!found || newer(v, best, asOf)) {
				best, found = v, true
			}
		}
		if found {
			yield(best, nil)
		}
	}
}

func counts(v s3read.Version, asOf *time.Time) bool {
	if asOf == nil {
		return v.Latest
	}
	return !v.LastModified.After(*asOf)
}

// newer says whether v replaces best. S3 lists the newest first and gives
// whole seconds, so of two versions of one second the first listed is newer.
func newer(v, best s3read.Version, asOf *time.Time) bool {
	return asOf != nil && v.LastModified.After(best.LastModified)
}
