// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"errors"
	"sync"

	"github.com/arvados-s3/keepstore/creds"
)

// amend changes what a refusal showed to be wrong with the request itself, and
// reports whether it is worth sending again: keys that were replaced, and the
// region of the bucket. Each is done once in an operation.
func (o *operation) amend(err error) bool {
	e := new(Error)
	if !errors.As(err, &e) || o.tries >= o.options.MaxAttempts {
		return false
	}
	switch e.Kind {
	case CredsExpired:
		return o.renew()
	case WrongRegion:
		return o.move(e.region)
	}
	return false
}

// renew gets new keys, where there may be some. That S3 denies what the keys
// may do is no reason: other keys of the same person would not help.
func (o *operation) renew() bool {
	renewer, ok := o.access.Provider.(creds.Renewer)
	if !ok || o.renewed {
		return false
	}
	renewer.Invalidate()
	o.renewed = true
	return true
}

// move follows a bucket into a region that configuration names.
func (o *operation) move(region string) bool {
	if o.moved || !o.endpoint.HasRegion(region) {
		o.regions.forget(o.object.Bucket)
		return false
	}
	o.region, o.moved = region, true
	o.regions.set(o.object.Bucket, region)
	return true
}

// maxRegions bounds what is remembered for one endpoint.
const maxRegions = 1000

// regions remembers in which region buckets are that are not in the first
// region of their endpoint. The zero value is empty and ready.
type regions struct {
	mu       sync.Mutex
	byBucket map[string]string // guarded by mu
}

// of returns the region to try first.
func (r *regions) of(e *creds.Endpoint, bucket string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if region, ok := r.byBucket[bucket]; ok {
		return region
	}
	return e.Region
}

// set remembers a region, in the place of any other when there are too many.
func (r *regions) set(bucket, region string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byBucket == nil {
		r.byBucket = make(map[string]string)
	}
	for other := range r.byBucket {
		if len(r.byBucket) < maxRegions {
			break
		}
		delete(r.byBucket, other)
	}
	r.byBucket[bucket] = region
}

func (r *regions) forget(bucket string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byBucket, bucket)
}
