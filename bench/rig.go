// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Buckets of the S3 stand-in. Both hold the same objects; replies from the
// second are logged.
const (
	plainBucket  = "bench"
	loggedBucket = "bench-logged"
)

// Sizes of the objects.
const (
	mib  = int64(1) << 20
	gib  = int64(1) << 30
	blob = 64 * mib
)

// rig is the servers that reads are measured on: the S3 stand-in, the peer
// and keepstore.
type rig struct {
	processes []*process
	// direct, logged and proxy are addresses: of the stand-in, of its second
	// port, and of the peer.
	direct, logged, proxy string
	peer                  *process
	keepstore             *keepstore
}

// cores says which processors the measured server and the rest run on, as
// lists for taskset; both are empty on a machine with one.
func cores() (server, others string) {
	n := runtime.NumCPU()
	if n < 2 {
		return "", ""
	}
	return fmt.Sprint(n - 1), fmt.Sprintf("0-%d", n-2)
}

// startRig starts all servers. If pinned, the peer and keepstore share one
// core, which is fair since only one of them is asked at a time.
func (b *bench) startRig(pinned bool, maxRequests int) (*rig, error) {
	r := &rig{}
	server, others := "", ""
	if pinned {
		server, others = cores()
	}
	err := b.startStandIn(r, others)
	if err == nil {
		err = b.startPeer(r, server)
	}
	if err == nil {
		r.keepstore, err = startKeepstore(b.dir, b.binary, keepstoreOptions{cpus: server, maxRequests: maxRequests,
			accessKey: accessKey, secretKey: secretKey, buckets: map[string]string{plainBucket: r.direct, loggedBucket: r.logged}})
	}
	if err != nil {
		r.stop()
		return nil, err
	}
	r.processes = append(r.processes, r.keepstore.process)
	return r, nil
}

func (r *rig) stop() {
	for _, p := range r.processes {
		p.stop()
	}
}

// startStandIn starts nginx on files that are holes, or the generator where
// there is no nginx.
func (b *bench) startStandIn(r *rig, cpus string) error {
	if b.nginx == "" {
		p, address, err := startGenerator(b.dir, b.self, cpus, generatorOptions{})
		if err == nil {
			r.processes = append(r.processes, p)
		}
		r.direct, r.logged = address, address
		return err
	}
	var err1, err2 error
	r.direct, err1 = freeAddress()
	r.logged, err2 = freeAddress()
	if err := errors.Join(err1, err2, makeFiles(filepath.Join(b.dir, "data"))); err != nil {
		return err
	}
	p, err := b.startNginx("standin", cpus, r.direct, fmt.Sprintf(standInServers, b.dir, r.direct, r.logged))
	if err == nil {
		r.processes = append(r.processes, p)
	}
	return err
}

// makeFiles makes the objects, one folder for each bucket.
func makeFiles(dir string) error {
	for _, bucket := range []string{plainBucket, loggedBucket} {
		if err := os.MkdirAll(filepath.Join(dir, bucket), 0o700); err != nil {
			return err
		}
		for _, size := range []int64{blob, gib} {
			file := filepath.Join(dir, bucket, blobKey(size))
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				return err
			}
			if err := os.Truncate(file, size); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) startPeer(r *rig, cpus string) error {
	if b.nginx == "" {
		return nil
	}
	var err error
	if r.proxy, err = freeAddress(); err != nil {
		return err
	}
	r.peer, err = b.startNginx("peer", cpus, r.proxy, fmt.Sprintf(peerServer, b.dir, r.direct, r.proxy))
	if err == nil {
		r.processes = append(r.processes, r.peer)
	}
	return err
}

// targets returns the ways to one object: directly, through the peer if there
// is one, and through keepstore.
func (r *rig) targets(size int64) ([]target, error) {
	path := "/" + plainBucket + "/" + blobKey(size) + "?versionId=" + version
	all := []target{{name: "direct", address: r.direct, path: path, size: size}}
	if r.peer != nil {
		all = append(all, target{name: "nginx", process: r.peer, address: r.proxy, path: path, size: size})
	}
	ours, err := r.keepstore.target(plainBucket, size)
	return append(all, ours), err
}

// observed is a load and the CPU time that the measured server spent on it.
type observed struct {
	loadResult
	cpu float64
}

// observe runs a load against a target.
func (b *bench) observe(ctx context.Context, t target, cpus string, j job) (observed, error) {
	before, err := t.cpu()
	if err != nil {
		return observed{}, err
	}
	result, err := runLoad(ctx, b.self, cpus, j)
	if err != nil {
		return observed{}, fmt.Errorf("%s: %w", t.name, err)
	}
	if t.process == nil { // the load does the work itself
		return observed{result, result.CPU}, nil
	}
	after, err := t.cpu()
	return observed{result, after - before}, err
}

func (t target) cpu() (float64, error) {
	if t.process == nil {
		return 0, nil
	}
	return t.process.cpu()
}

// sweep measures all targets in turn, round after round, after one round that
// does not count. job makes the load for a target.
func (b *bench) sweep(targets []target, cpus string, warm func(*job), load func(*job)) (map[string][]observed, error) {
	all := map[string][]observed{}
	for round := range b.scale.rounds + 1 {
		for _, t := range targets {
			if t.prepare != nil {
				if err := t.prepare(); err != nil {
					return nil, err
				}
			}
			j := t.job()
			load(&j)
			if round == 0 {
				warm(&j)
			}
			o, err := b.observe(b.ctx, t, cpus, j)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				all[t.name] = append(all[t.name], o)
			}
		}
	}
	return all, nil
}

// pick takes one number out of each observation.
func pick(all []observed, f func(observed) float64) []float64 {
	out := make([]float64, len(all))
	for i, o := range all {
		out[i] = f(o)
	}
	return out
}
