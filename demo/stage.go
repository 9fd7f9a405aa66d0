// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"
)

// stage is everything that runs while the tour goes on.
type stage struct {
	dir     folder
	gateway *gateway
	bucket  *bucket
	people  people
	service *service
}

// setStage starts everything. When a part fails, those before it are stopped.
func setStage(ctx context.Context, f flags, p *printer) (_ *stage, err error) {
	s := &stage{}
	if s.dir, err = newFolder(f.data); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.clear())
		}
	}()
	after := "kept at the end"
	if s.dir.temporary {
		after = "removed at the end; --data DIR keeps it"
	}
	p.fact("data folder", "%s (%s)", s.dir.path, after)
	if s.gateway, err = startGateway(ctx, s.dir, f.sidecar); err != nil {
		return nil, err
	}
	p.fact("S3 gateway", "%s (versitygw, process %d; keeps versions, checks every signature)", s.gateway.url, s.gateway.pid())
	start := time.Now()
	s.bucket = newBucket(s.gateway)
	if err = s.bucket.seed(ctx); err != nil {
		return nil, err
	}
	p.fact("sample data", "s3://%s/: %d objects, %s, written in %s", bucketName, len(s.bucket.objects), inBytes(s.bucket.bytes()), since(start))
	if s.people, err = makePeople(ctx, s.dir.service()); err != nil {
		return nil, err
	}
	if s.service, err = startService(ctx, s.dir, s.gateway, f.listen); err != nil {
		return nil, err
	}
	p.fact("keepstore", "%s (log: %s)", s.service.url, s.dir.keepstoreLog())
	p.fact("API server", "%s", s.service.apiURL)
	return s, nil
}

// clear stops everything in the opposite order.
func (s *stage) clear() error {
	var faults []error
	if s.service != nil {
		faults = append(faults, s.service.stop())
	}
	if s.gateway != nil {
		faults = append(faults, s.gateway.stop())
	}
	return errors.Join(append(faults, s.dir.remove())...)
}
