// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
)

// Options are the settings of a volume.
type Options struct {
	// Access says where to send requests and how to sign them.
	Access creds.Access
	Bucket string
	// Prefix comes before every key; if not empty it ends with "/".
	Prefix   string
	ReadOnly bool
	// MaxIO is how many operations may be at work at once: 64 if zero.
	MaxIO int
	// TrashLifetime is how long trash is kept. It must be positive, because
	// trash is what crossed operations are repaired from.
	TrashLifetime time.Duration
	// Timeout is the limit of one attempt of one request: 2 minutes if zero.
	Timeout time.Duration
	// MaxAttempts is how often one request is tried: 4 times if zero.
	MaxAttempts int
	// Now is the clock for the life time of trash; nil means time.Now.
	Now func() time.Time
	// Observe hears of blocks that were set aside, if not nil.
	Observe func(volume.Event)
}

func (o Options) withDefaults() Options {
	o.MaxIO = cmp.Or(o.MaxIO, 64)
	o.Timeout = cmp.Or(o.Timeout, 2*time.Minute)
	o.MaxAttempts = cmp.Or(o.MaxAttempts, 4)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(volume.Event) {}
	}
	return o
}

// Volume is a bucket of blocks.
type Volume struct {
	options Options
	client  *client
	locks   volume.Locks
	gate    volume.Gate
}

// Assert that Volume is one.
var _ volume.Volume = (*Volume)(nil)

// Open checks the settings. It sends nothing.
func Open(o Options) (*Volume, error) {
	o = o.withDefaults()
	switch {
	case locator.CheckBucket(o.Bucket) != nil:
		return nil, locator.CheckBucket(o.Bucket)
	case o.Prefix != "" && (!strings.HasSuffix(o.Prefix, "/") || creds.CheckPrefix(o.Prefix) != nil):
		return nil, unusable("the prefix of an S3 volume must be plain and end with /", nil)
	case o.TrashLifetime <= 0 && !o.ReadOnly:
		return nil, unusable("an S3 volume needs a trash life time above zero: set one, at least a day", nil)
	}
	c, err := newClient(o)
	if err != nil {
		return nil, unusable("the CA file of the endpoint of an S3 volume cannot be used: check ca_file", err)
	}
	return &Volume{options: o, client: c, gate: volume.NewGate(o.MaxIO)}, nil
}

func unusable(text string, cause error) error {
	return &volume.Error{Kind: volume.VolumeError, Text: text, Err: cause}
}

// Close closes idle connections.
func (v *Volume) Close() error {
	v.client.transport.CloseIdleConnections()
	return nil
}

// DeviceID names the endpoint, bucket and prefix.
func (v *Volume) DeviceID() string {
	scheme, host, path := v.options.Access.Endpoint.Address(v.options.Bucket, v.options.Access.Endpoint.Region)
	return "s3:" + scheme + "://" + host + path + "/" + v.options.Prefix
}

// Status knows no limit of a bucket.
func (v *Volume) Status(ctx context.Context) (volume.Status, error) {
	return volume.Status{Free: -1, ReadOnly: v.options.ReadOnly}, volume.Ended(ctx, "")
}

// The names of the folders. All sort after "f", so that a listing of the
// blocks can end where they begin.
const (
	recentFolder = "recent/"
	trashFolder  = "trash/"
	asideFolder  = "set-aside/"
)

// key is the key of a block, in one of the folders or in none.
func (v *Volume) key(folder string, hash locator.Hash) string {
	return v.options.Prefix + folder + string(hash[:3]) + "/" + string(hash)
}

// enter checks the hash and takes its lock and a place at the gate.
func (v *Volume) enter(ctx context.Context, hash locator.Hash) (leave func(), err error) {
	if err := volume.CheckHash(hash); err != nil {
		return nil, err
	}
	if v.options.ReadOnly {
		return nil, volume.Fail(volume.ReadOnly, hash, nil)
	}
	unlock, err := v.locks.Lock(ctx, hash)
	if err != nil {
		return nil, err
	}
	out, err := v.gate.Enter(ctx, hash)
	if err != nil {
		unlock()
		return nil, err
	}
	return func() {
		out()
		unlock()
	}, nil
}

// fail gives an error of the client its kind.
func fail(ctx context.Context, hash locator.Hash, err error) error {
	if err == nil {
		return nil
	}
	if known := new(volume.Error); errors.As(err, &known) {
		return err
	}
	if ended := volume.Ended(ctx, hash); ended != nil {
		return ended
	}
	kind := volume.VolumeError
	if told := new(refusal); errors.As(err, &told) {
		kind = told.kind()
	}
	return volume.Fail(kind, hash, err)
}
