// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"net/http"
	"sync"
	"time"
)

// seenTime is how long a bucket that was there counts as being there.
const seenTime = time.Minute

// maxBuckets bounds what is remembered for one endpoint.
const maxBuckets = 1000

// seen remembers which buckets were there a short time ago. S3 answers HEAD in
// the same way whether an object or its whole bucket is missing, so that after
// such an answer one GET tells which, unless this does. The zero value is empty
// and ready.
type seen struct {
	mu       sync.Mutex
	byBucket map[string]time.Time // guarded by mu
}

func (s *seen) note(bucket string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byBucket) >= maxBuckets || s.byBucket == nil {
		s.byBucket = make(map[string]time.Time) // the next answers fill it again
	}
	s.byBucket[bucket] = now
}

func (s *seen) recently(bucket string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.byBucket[bucket]
	return ok && now.Sub(at) < seenTime
}

// maybeNoBucket reports whether an answer to HEAD may be about the bucket.
func (o *operation) maybeNoBucket(e *Error) bool {
	return e.Kind == NotFound && e.Status == http.StatusNotFound && e.Code == "" && !e.marker &&
		!o.seen.recently(o.object.Bucket, o.options.Now())
}
