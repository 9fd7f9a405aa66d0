// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/arvados-s3/keepstore/creds/issuer"
)

// roles is the part of the stage for mode role: two MinIO servers, whose STS
// trusts the issuer of our keepstore.
type roles struct {
	*pair
	servers [2]*minio
	audit   *audit
}

// findMinIO returns the program to run, or "" for none.
func findMinIO(named string) (string, error) {
	if named == "none" {
		return "", nil
	}
	path, err := exec.LookPath(cmp.Or(named, "minio"))
	switch {
	case err != nil && named == "":
		return "", nil // it is not needed
	case err != nil:
		return "", fmt.Errorf("--minio does not name a program: %w", err)
	}
	return filepath.Abs(path) // it is run in another folder
}

// startRoles lets the running keepstore become an issuer, starts the servers,
// which look for it, and then gives their endpoints to keepstore.
func startRoles(ctx context.Context, s *stage, program string) (_ *roles, err error) {
	if err := s.publish(ctx); err != nil {
		return nil, err
	}
	r := &roles{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.stop())
		}
	}()
	if r.audit, err = startAudit(); err != nil {
		return nil, err
	}
	ann, bob := s.people.subject(s.people.ann), s.people.subject(s.people.bob)
	names, buckets := [2]string{"lab-sts", "partner-sts"}, [2]string{"lab-vault", "partner-vault"}
	readers := [2][]string{{ann, bob}, {ann}}
	var group errgroup.Group
	for i := range r.servers {
		group.Go(func() (err error) {
			policy := readPolicy(buckets[i], mapping{"Condition": mapping{"StringEquals": mapping{"jwt:sub": readers[i]}}})
			r.servers[i], err = startMinIO(ctx, s.dir, names[i], program, s.service.url, r.audit.url, policy)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var sites [2]*site
	for i, about := range []string{"sample", "control"} {
		m := r.servers[i]
		b := newBucket(m.url, m.owner, buckets[i], runs(about))
		sites[i] = &site{endpoint: names[i], url: m.url, bucket: b, witness: witness{b, r.audit.visits}, ann: ann, bob: bob}
	}
	r.pair = &pair{mode: "role", first: sites[0], second: sites[1]}
	if err := r.seed(ctx); err != nil {
		return nil, err
	}
	return r, s.addRoles(ctx, r.pair)
}

// publish makes keepstore an issuer. MinIO must find it over https, or on
// this machine.
func (s *stage) publish(ctx context.Context) error {
	host, _, err := net.SplitHostPort(strings.TrimPrefix(s.service.url, "http://"))
	if ip := net.ParseIP(host); err != nil || host != "localhost" && !ip.IsLoopback() {
		return fmt.Errorf("keepstore at %s is no issuer for MinIO, which wants https or this machine: leave out --listen, or give --minio none", s.service.url)
	}
	s.settings.issuer = mapping{"url": s.service.url}
	return s.service.reconfigure(ctx, s.dir, s.settings, func() bool {
		reply, err := http.Get(s.service.url + issuer.DiscoveryPath)
		if err != nil {
			return false
		}
		reply.Body.Close()
		return reply.StatusCode == http.StatusOK
	})
}

// addRoles gives the sites to keepstore.
func (s *stage) addRoles(ctx context.Context, p *pair) error {
	for _, site := range p.sites() {
		s.settings.endpoint(site.endpoint, site.url, mapping{"audience": audience(site.endpoint)})
		s.settings.rule(site.name, site.endpoint, p.mode, mapping{"role": roleARN(site.endpoint)})
	}
	last := p.second.name
	ann := client{url: s.service.url, token: s.people.ann.token}
	return s.service.reconfigure(ctx, s.dir, s.settings, func() bool {
		rules, err := ann.do(ctx, http.MethodGet, "s3/access", nil, nil)
		return err == nil && strings.Contains(string(rules.body), last)
	})
}

func (r *roles) stop() error {
	var faults []error
	for _, m := range r.servers {
		if m != nil {
			faults = append(faults, m.stop())
		}
	}
	if r.audit != nil {
		faults = append(faults, r.audit.stop())
	}
	return errors.Join(faults...)
}
