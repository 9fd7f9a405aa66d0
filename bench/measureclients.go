// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// slowClients measures memory while many clients read 64 MiB at a crawl, and
// how long a fast client waits meanwhile for its first byte.
func (b *bench) slowClients() error {
	r, err := b.startRig(false, 2*b.scale.crawlers+64)
	if err != nil {
		return err
	}
	defer r.stop()
	targets, err := r.targets(blob)
	if err != nil {
		return err
	}
	memory, first := row{}, row{}
	for _, t := range targets {
		if t.process == nil {
			continue
		}
		rss, fast, err := b.crawlAt(t)
		if err != nil {
			return err
		}
		if t.name == "nginx" {
			memory.Peer, first.Peer = spreadOf([]float64{rss}), spreadOf(fast)
			continue
		}
		memory.Ours, first.Ours = spreadOf([]float64{rss}), spreadOf(fast)
	}
	first.Judged = first.Ours
	if b.scale.crawlers >= 2000 {
		memory.Judged = memory.Ours
	}
	memory.Name, memory.Unit = number(float64(b.scale.crawlers))+" slow clients, memory", "MiB RSS"
	memory.Note = "each client reads 16 KiB/s of a 64 MiB block through a receive buffer of 32 KiB; keepstore's limits.max_requests is raised above their number."
	first.Name, first.Unit = "first byte of a fast client beside them, slowest of 20", "ms"
	b.add(memory.atMost(256, "< 256 MiB at 2,000"))
	b.add(first.atMost(1000, "< 1,000 ms"))
	return nil
}

// crawlAt returns the memory of a server while slow clients hold on to it, and
// the times to the first byte of a fast client.
func (b *bench) crawlAt(t target) (rss float64, first []float64, err error) {
	j := t.job()
	j.Crawl, j.Connections = true, b.scale.crawlers
	stop, err := b.startCrawl(j)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", t.name, err)
	}
	defer func() { err = errors.Join(err, stop()) }()
	fast := t.job()
	fast.Part, fast.Requests = small, 20
	for range b.scale.rounds {
		o, err := b.observe(b.ctx, t, "", fast)
		if err != nil {
			return 0, nil, err
		}
		first = append(first, o.FirstMax)
	}
	rss, err = t.process.memory("VmRSS")
	return rss, first, err
}

// startCrawl starts a load that goes on until stop, and returns when each of
// its clients has its first byte.
func (b *bench) startCrawl(j job) (stop func() error, err error) {
	cmd := exec.CommandContext(b.ctx, b.self, loadCommand)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() error {
		err := in.Close()
		_, _ = io.Copy(io.Discard, out)
		return errors.Join(err, cmd.Wait())
	}
	var r loadResult
	if err = json.NewEncoder(in).Encode(j); err == nil {
		err = json.NewDecoder(bufio.NewReader(out)).Decode(&r)
	}
	if err == nil {
		err = r.err()
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}
