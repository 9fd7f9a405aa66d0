// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"strconv"
	"testing"
	"time"
)

// TestSeenBuckets: a bucket counts as there for a minute, and not many are
// remembered.
func TestSeenBuckets(t *testing.T) {
	var s seen
	now := time.Now()
	if s.recently("a", now) {
		t.Error("a bucket was there before it was seen")
	}
	s.note("a", now)
	if !s.recently("a", now.Add(seenTime-1)) || s.recently("a", now.Add(seenTime)) || s.recently("b", now) {
		t.Error("the time is not kept")
	}
	for i := range 3 * maxBuckets {
		s.note(strconv.Itoa(i), now)
	}
	if n := len(s.byBucket); n > maxBuckets || !s.recently(strconv.Itoa(3*maxBuckets-1), now) {
		t.Errorf("%d buckets are remembered", n)
	}
}
