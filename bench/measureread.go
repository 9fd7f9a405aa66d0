// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// largeReads measures whole objects over one connection: CPU time and speed.
func (b *bench) largeReads() error {
	r, err := b.startRig(true, 0)
	if err != nil {
		return err
	}
	defer r.stop()
	for _, c := range b.scale.large {
		targets, err := r.targets(c.size)
		if err != nil {
			return err
		}
		_, others := cores()
		all, err := b.sweep(targets, others, func(j *job) { j.Requests = 1 }, func(j *job) { j.Requests = c.requests })
		if err != nil {
			return err
		}
		cpu := func(name string) []float64 {
			return pick(all[name], func(o observed) float64 { return ratio(o.cpu, float64(o.Bytes)/float64(gib)) })
		}
		speed := func(name string) []float64 {
			return pick(all[name], func(o observed) float64 { return float64(o.Bytes) / 1e6 / o.Seconds })
		}
		name := sizeName(c.size)
		b.add(row{Name: name + ", CPU of the server, pinned", Unit: "s/GiB", Ours: spreadOf(cpu("keepstore"))}.
			against(cpu("nginx"), nil).atMost(0.7, "≤ 0.7 × nginx, first step ≤ 1.0 ×"))
		b.add(row{Name: name + ", speed, pinned", Unit: "MB/s", Ours: spreadOf(speed("keepstore"))}.
			against(speed("nginx"), speed("direct")))
	}
	return nil
}

func sizeName(size int64) string {
	if size%gib == 0 {
		return fmt.Sprintf("%d GiB", size/gib)
	}
	if size < mib {
		return fmt.Sprintf("%d KiB", size>>10)
	}
	return fmt.Sprintf("%d MiB", size/mib)
}

// small is the size of the small ranges.
const small = 4 << 10

// smallRanges measures 4 KiB at random offsets.
func (b *bench) smallRanges() error {
	r, err := b.startRig(true, 0)
	if err != nil {
		return err
	}
	defer r.stop()
	targets, err := r.targets(blob)
	if err != nil {
		return err
	}
	_, others := cores()
	for _, connections := range []int{1, 16, 64} {
		load := func(j *job) { j.Part, j.Connections, j.Time = small, connections, b.scale.ranges }
		all, err := b.sweep(targets, others, func(j *job) { j.Time /= 3 }, load)
		if err != nil {
			return err
		}
		rate := func(name string) []float64 {
			return pick(all[name], func(o observed) float64 { return float64(o.Requests) / o.Seconds })
		}
		cpu := func(name string) []float64 {
			return pick(all[name], func(o observed) float64 { return ratio(o.cpu*1e6, float64(o.Requests)) })
		}
		name := fmt.Sprintf("%d connections", connections)
		b.add(row{Name: name + ", pinned", Unit: "requests/s", Ours: spreadOf(rate("keepstore"))}.
			against(rate("nginx"), rate("direct")).atLeast(0.6, "≥ 0.6 × nginx, then 1.0 ×"))
		b.add(row{Name: name + ", CPU of the server, pinned", Unit: "µs/request", Ours: spreadOf(cpu("keepstore"))}.against(cpu("nginx"), nil))
	}
	return nil
}

// firstBytes measures what a proxy adds to the time to the first byte.
func (b *bench) firstBytes() error {
	r, err := b.startRig(true, 0)
	if err != nil {
		return err
	}
	defer r.stop()
	targets, err := r.targets(blob)
	if err != nil {
		return err
	}
	_, others := cores()
	all, err := b.sweep(targets, others, func(j *job) { j.Requests = 200 }, func(j *job) { j.Part, j.Requests = small, b.scale.first })
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name  string
		limit float64
		get   func(observed) float64
	}{
		{"median", 0.25, func(o observed) float64 { return o.FirstMedian }},
		{"99th percentile", 0.5, func(o observed) float64 { return o.First99 }},
	} {
		direct := pick(all["direct"], c.get)
		line := row{Name: c.name + ", pinned", Unit: "ms", Ours: spreadOf(pick(all["keepstore"], c.get)),
			Peer: spreadOf(pick(all["nginx"], c.get)), Direct: spreadOf(direct)}
		line.Judged = spreadOf(combine(line.Ours.Samples, direct, difference))
		line.Note = fmt.Sprintf("judged is what keepstore adds to direct; %d requests a round.", b.scale.first)
		if line.Peer != nil {
			line.Note += " nginx adds " + spreadOf(combine(line.Peer.Samples, direct, difference)).text() + "."
		}
		b.add(line.atMost(c.limit, fmt.Sprintf("≤ %.2f ms added", c.limit)))
	}
	return nil
}

// amplification compares what the S3 server sent with what was asked for. It
// needs the log of the nginx stand-in.
func (b *bench) amplification() error {
	if b.nginx == "" {
		return nil
	}
	load := func(j *job) { j.Part, j.Requests, j.Connections = small, b.scale.amplify, 4 }
	got, err := b.sent((*keepstore).target, load)
	if err != nil {
		return err
	}
	line := row{Name: "4 KiB ranges, bytes from S3 per byte asked for", Unit: "×", Ours: spreadOf([]float64{got.perByte}),
		Note: fmt.Sprintf("%d reads made %d requests to S3.", got.asked, got.requests)}
	line.Judged = line.Ours
	b.add(line.atMost(1.05, "≤ 1.05"))
	return nil
}

// sending is what the S3 server sent for a job.
type sending struct {
	perByte  float64 // that was asked for
	asked    int64
	requests int
	observed observed
}

// sent runs a job on a new rig, and reads the log of the nginx stand-in.
func (b *bench) sent(at func(*keepstore, string, int64) (target, error), load func(*job)) (sending, error) {
	r, err := b.startRig(false, 0)
	if err != nil {
		return sending{}, err
	}
	defer r.stop()
	t, err := at(r.keepstore, loggedBucket, blob)
	if err != nil {
		return sending{}, err
	}
	j := t.job()
	load(&j)
	log := filepath.Join(b.dir, "sent.log")
	before, earlier, err := sumLog(log)
	if err != nil { // nobody has been here before
		before, earlier = 0, 0
	}
	o, err := b.observe(b.ctx, t, "", j)
	if err != nil {
		return sending{}, err
	}
	r.processes[0].stop() // so that its log is complete
	after, requests, err := sumLog(log)
	return sending{(after - before) / float64(j.Requests*j.Part), j.Requests, requests - earlier, o}, err
}

// sumLog adds up a log of one number per line.
func sumLog(file string) (sum float64, lines int, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); lines++ {
		n, err := strconv.ParseFloat(strings.TrimSpace(s.Text()), 64)
		if err != nil {
			return 0, 0, err
		}
		sum += n
	}
	return sum, lines, nil
}

// slowS3 reads from an S3 server that takes 30 ms to answer and gives each
// connection 90 MB/s.
func (b *bench) slowS3() error {
	o := generatorOptions{first: 30 * time.Millisecond, rate: 90e6}
	p, address, err := startGenerator(b.dir, b.self, "", o)
	if err != nil {
		return err
	}
	defer p.stop()
	k, err := startKeepstore(b.dir, b.binary, keepstoreOptions{accessKey: accessKey, secretKey: secretKey,
		buckets: map[string]string{plainBucket: address}})
	if err != nil {
		return err
	}
	defer k.stop()
	for _, size := range b.scale.slow {
		ours, err := k.target(plainBucket, size)
		if err != nil {
			return err
		}
		direct := target{name: "direct", address: address, path: "/" + plainBucket + "/" + blobKey(size) + "?versionId=" + version, size: size}
		all, err := b.sweep([]target{direct, ours}, "", func(*job) {}, func(j *job) { j.Requests = 1 })
		if err != nil {
			return err
		}
		speed := func(o observed) float64 { return float64(o.Bytes) / 1e6 / o.Seconds }
		line := row{Name: sizeName(size) + ", one stream", Unit: "MB/s", Direct: spreadOf(pick(all["direct"], speed)),
			Ours: spreadOf(pick(all["keepstore"], speed))}
		line.Note = "the S3 server is a generator of ours: 30 ms to the first byte, 90 MB/s for each connection."
		line.Judged = line.Ours
		limit := 650.0
		if size > blob {
			limit = 1200
		}
		b.add(line.atLeast(limit, fmt.Sprintf("≥ %.0f MB/s (by parallel requests)", limit)))
	}
	return nil
}
