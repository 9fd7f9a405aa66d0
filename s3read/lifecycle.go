// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
)

// LifecycleRule is a rule of a bucket, in force, that removes objects or old
// versions of them.
type LifecycleRule struct {
	// ID is printable text, or empty.
	ID string
	// Prefix is how the keys begin that the rule is about; it need not end
	// with "/".
	Prefix string
	// Days after it was written, or on Date, a current version becomes an old
	// one, or is removed where the bucket keeps no versions.
	Days int
	Date time.Time
	// AllVersions says that all versions of the object are removed then, as
	// some servers can.
	AllVersions bool
	// NoncurrentDays after it became an old one, a version is removed, if
	// there are more than NewerNoncurrentVersions newer old versions. Both are
	// 0 if the rule leaves old versions alone.
	NoncurrentDays, NewerNoncurrentVersions int
	// Tagged says that only objects with certain tags are meant, or with
	// something else that this package does not know.
	Tagged bool
	// LargerThan and SmallerThan bound the size of the objects that are meant,
	// in bytes; 0 is no bound.
	LargerThan, SmallerThan int64
}

// Current reports whether the rule is about current versions.
func (r *LifecycleRule) Current() bool { return r.Days > 0 || !r.Date.IsZero() }

// Noncurrent reports whether the rule removes old versions.
func (r *LifecycleRule) Noncurrent() bool {
	return r.NoncurrentDays > 0 || r.NewerNoncurrentVersions > 0
}

// Conditional reports whether the rule is about some of the keys with its
// prefix only.
func (r *LifecycleRule) Conditional() bool { return r.Tagged || r.LargerThan > 0 || r.SmallerThan > 0 }

// ObjectLock is the Object Lock of a bucket.
type ObjectLock struct {
	Enabled bool
	// Mode is "GOVERNANCE" or "COMPLIANCE" if new versions are locked by
	// default, for Days or Years from when they are written.
	Mode        string
	Days, Years int
}

// Lifecycle asks for the lifecycle rules of a bucket, by one request. A bucket
// without rules has none; a server that knows none refuses.
func (r *Reader) Lifecycle(ctx context.Context, access creds.Access, bucket string) ([]LifecycleRule, error) {
	var rules []LifecycleRule
	err := r.settings(ctx, access, bucket, "lifecycle", func(body []byte) (err error) {
		rules, err = decodeLifecycle(body)
		return err
	})
	if hasCode(err, "NoSuchLifecycleConfiguration") {
		return nil, nil
	}
	return rules, err
}

// ObjectLock asks for the Object Lock of a bucket, by one request.
func (r *Reader) ObjectLock(ctx context.Context, access creds.Access, bucket string) (ObjectLock, error) {
	var lock ObjectLock
	err := r.settings(ctx, access, bucket, "object-lock", func(body []byte) (err error) {
		lock, err = decodeObjectLock(body)
		return err
	})
	if hasCode(err, "ObjectLockConfigurationNotFoundError") {
		return ObjectLock{}, nil
	}
	return lock, err
}

func hasCode(err error, code string) bool {
	e := new(Error)
	return errors.As(err, &e) && e.Code == code
}

// maxSettings is the largest description of a bucket that is read. Rules are
// at most 1,000, with a prefix of at most 1,024 bytes each.
const maxSettings = 4 << 20

// settings asks for one description of a bucket.
func (r *Reader) settings(ctx context.Context, access creds.Access, bucket, what string, decode func([]byte) error) error {
	if err := locator.CheckBucket(bucket); err != nil {
		return err
	}
	o, err := r.begin(ctx, call{op: "bucket", access: access, query: url.Values{what: {""}}, object: locator.Object{Bucket: bucket}})
	if err != nil {
		return err
	}
	defer o.end()
	a, err := o.try(func(a *attempt) error {
		if a.reply.StatusCode != http.StatusOK {
			return a.refuse()
		}
		body, err := a.readBody(maxSettings)
		if err != nil {
			return err
		}
		if err := decode(body); err != nil {
			bad := a.bad(fmt.Sprintf("its %s configuration cannot be read", what))
			bad.Err = err
			return bad
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.finish(nil)
	return nil
}
