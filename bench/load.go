// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// target is what a load asks for, over and over.
type target struct {
	name    string
	process *process // whose CPU time counts; nil for the S3 server itself
	address string
	path    string
	header  string // whole lines
	size    int64  // of the object
	blocks  *blockJob
	sdk     *sdkJob
	ranged  bool
	// prepare, if there is one, is called before each load.
	prepare func() error
}

// job tells the load generator what to do.
type job struct {
	Address, Path, Header string
	// Size is that of the object. With Part, each request asks for that many
	// bytes at a random offset, otherwise for all.
	Size, Part  int64
	Connections int
	// Requests is how many to make in all; 0 means as many as go into Time.
	Requests int64
	Time     time.Duration
	// Blocks makes each request one of another block.
	Blocks *blockJob
	// SDK reads the object through the Go SDK: with Part at random offsets, else
	// from the beginning to the end.
	SDK *sdkJob
	// Ranged downloads the object as several ranges at once.
	Ranged bool
	// Crawl makes clients that read a few KiB per second until standard input
	// ends. When all have begun the first result is printed.
	Crawl bool
}

func (t target) job() job {
	return job{Address: t.address, Path: t.path, Header: t.header, Size: t.size, Blocks: t.blocks, SDK: t.sdk, Ranged: t.ranged, Connections: 1}
}

// loadResult is what the load generator prints.
type loadResult struct {
	Requests int64
	Bytes    int64
	Seconds  float64
	// CPU is that of the load generator, in seconds.
	CPU float64
	// FirstMedian and First99 are milliseconds to the first byte of a reply.
	FirstMedian, First99, FirstMax float64
	Error                          string
}

// runLoad runs the load generator in a process of its own.
func runLoad(ctx context.Context, self, cpus string, j job) (loadResult, error) {
	var r loadResult
	args := []string{self, loadCommand}
	if cpus != "" {
		args = append([]string{"taskset", "-c", cpus}, args...)
	}
	text, err := json.Marshal(j)
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("the load generator failed: %w", err)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, err
	}
	return r, r.err()
}

func (r loadResult) err() error {
	if r.Error != "" {
		return fmt.Errorf("a request of the load failed: %s", r.Error)
	}
	return nil
}

// loadMain is the process of the load generator.
func loadMain(in io.Reader, out io.Writer) int {
	var j job
	decoder := json.NewDecoder(in)
	if err := decoder.Decode(&j); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		return 2
	}
	result := loadResult{}
	switch {
	case j.Crawl:
		result = crawl(j)
	case j.SDK != nil || j.Ranged:
		result = j.clientLoad()
	default:
		result = generate(j)
	}
	if err := json.NewEncoder(out).Encode(result); err != nil {
		return 1
	}
	if j.Crawl {
		_, _ = io.Copy(io.Discard, in) // the parent closes it at the end
	}
	return 0
}

// generate runs a load and sums it up.
func generate(j job) loadResult {
	blocks := j.list() // before the clock starts
	var left atomic.Int64
	left.Store(j.Requests)
	end := time.Now().Add(j.Time)
	more := func() bool {
		if j.Requests > 0 {
			return left.Add(-1) >= 0
		}
		return time.Now().Before(end)
	}
	clients := make([]*client, j.Connections)
	errs := make([]error, j.Connections)
	begin, cpu := time.Now(), ownCPU()
	var wg sync.WaitGroup
	for i := range clients {
		clients[i] = newClient(j, uint64(i))
		clients[i].blocks = blocks
		wg.Go(func() { errs[i] = clients[i].run(more) })
	}
	wg.Wait()
	r := loadResult{Seconds: time.Since(begin).Seconds(), CPU: ownCPU() - cpu}
	var first []float64
	for i, c := range clients {
		r.Requests += int64(len(c.first))
		r.Bytes += c.bytes
		first = append(first, c.first...)
		if errs[i] != nil {
			r.Error = errs[i].Error()
		}
	}
	slices.Sort(first)
	r.FirstMedian, r.First99, r.FirstMax = percentile(first, 0.5), percentile(first, 0.99), percentile(first, 1)
	return r
}
