// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"
)

const (
	// firstName and partnerName are the S3 gateways, and their endpoints.
	firstName   = "demo"
	partnerName = "partner"
)

// stage is everything that runs while the tour goes on.
type stage struct {
	dir              folder
	gateway, partner *gateway
	bucket           *bucket
	people           people
	settings         settings
	service          *service
	// keys is what Ann and Bob share under mode token, roles under mode role.
	keys  *pair
	roles *roles // nil without MinIO
}

// setStage starts everything. When a part fails, those before it are stopped.
func setStage(ctx context.Context, f flags, p *printer) (_ *stage, err error) {
	program, err := findMinIO(f.minio)
	if err != nil {
		return nil, err
	}
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
	if err = s.startGateways(ctx, f, p); err != nil {
		return nil, err
	}
	if err = s.seed(ctx, p); err != nil {
		return nil, err
	}
	if err = s.serve(ctx, f, p); err != nil || program == "" {
		return s, err
	}
	if s.roles, err = startRoles(ctx, s, program); err != nil {
		return nil, err
	}
	p.fact("with an STS", "%s, %s (MinIO, processes %d and %d)", s.roles.servers[0].url, s.roles.servers[1].url, s.roles.servers[0].pid(), s.roles.servers[1].pid())
	return s, nil
}

func (s *stage) startGateways(ctx context.Context, f flags, p *printer) (err error) {
	if s.gateway, err = startGateway(ctx, s.dir, firstName, f.sidecar); err != nil {
		return err
	}
	p.fact("S3 gateway", "%s (versitygw, process %d; keeps versions, checks signatures)", s.gateway.url, s.gateway.pid())
	if s.partner, err = startGateway(ctx, s.dir, partnerName, f.sidecar); err != nil {
		return err
	}
	p.fact("of a partner", "%s (the same, process %d, with users of its own)", s.partner.url, s.partner.pid())
	return nil
}

// seed fills the buckets of the gateways.
func (s *stage) seed(ctx context.Context, p *printer) error {
	start := time.Now()
	s.bucket = newBucket(s.gateway.url, s.gateway.Owner, bucketName, samples(), s.gateway.Reader.Access)
	if err := s.bucket.seed(ctx); err != nil {
		return err
	}
	if err := s.bucket.delete(ctx, retiredKey); err != nil {
		return err
	}
	if err := s.bucket.purge(ctx, addedKey); err != nil { // of an earlier run in this folder
		return err
	}
	p.fact("sample data", "s3://%s/: %d objects, %s, written in %s", bucketName, len(s.bucket.objects), inBytes(s.bucket.bytes()), since(start))
	s.keys = newKeyPair(s.gateway, s.partner)
	return s.keys.seed(ctx)
}

// serve makes the users and starts keepstore.
func (s *stage) serve(ctx context.Context, f flags, p *printer) (err error) {
	if s.people, err = makePeople(ctx, s.dir.service()); err != nil {
		return err
	}
	if err = s.configure(f.listen); err != nil {
		return err
	}
	if s.service, err = startService(ctx, s.dir, s.settings); err != nil {
		return err
	}
	p.fact("keepstore", "%s (log: %s)", s.service.url, s.dir.keepstoreLog())
	p.fact("API server", "%s", s.service.apiURL)
	return nil
}

// clear stops everything in the opposite order.
func (s *stage) clear() error {
	var faults []error
	if s.service != nil {
		faults = append(faults, s.service.stop())
	}
	if s.roles != nil {
		faults = append(faults, s.roles.stop())
	}
	for _, g := range []*gateway{s.partner, s.gateway} {
		if g != nil {
			faults = append(faults, g.stop())
		}
	}
	return errors.Join(append(faults, s.dir.remove())...)
}
