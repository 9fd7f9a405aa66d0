// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"syscall"
)

// ordinaryBlocks measures PUT and GET of whole blocks in a directory volume,
// beside nginx with the same files and a loop that does the same to the disk.
func (b *bench) ordinaryBlocks() error {
	r, err := b.startBlockRig()
	if err != nil {
		return err
	}
	defer r.stop()
	s := b.scale.blocks
	for _, c := range []blockCase{
		{put: true, size: blob, connections: 1, count: s.large},
		{put: true, size: small, connections: 1, count: s.small},
		{put: true, size: small, connections: 16, count: s.small},
	} {
		if err := b.measureBlocks(c, r.writers(c.size)); err != nil {
			return err
		}
	}
	for _, size := range []int64{blob, small} {
		stored := map[int64]int64{blob: s.large, small: s.stored}[size]
		targets, err := b.readers(r, stored, size)
		if err != nil {
			return err
		}
		for _, connections := range []int{1, 16} {
			c := blockCase{size: size, connections: connections, count: max(stored, int64(connections))}
			if err := b.measureBlocks(c, targets); err != nil {
				return err
			}
		}
	}
	return nil
}

// blockCase is one load: count blocks are written, or that many reads made.
type blockCase struct {
	put         bool
	size, count int64
	connections int
}

func (c blockCase) name() string {
	method, size, plural := "GET", sizeName(c.size), "s"
	if c.put {
		method = "PUT"
	}
	if c.connections == 1 {
		plural = ""
	}
	return fmt.Sprintf("%s %s, %d connection%s", method, size, c.connections, plural)
}

// measureBlocks adds the speed and the CPU time of one case.
func (b *bench) measureBlocks(c blockCase, targets []target) error {
	_, others := cores()
	load := func(j *job) {
		own := *j.Blocks
		if c.put {
			b.seed++ // so that each block is a new one
			own.Put, own.Seed = c.count, b.seed
		}
		j.Blocks, j.Connections, j.Requests = &own, c.connections, c.count
	}
	warm := func(j *job) {
		j.Requests = (j.Requests + 3) / 4
		j.Blocks.Put = min(j.Blocks.Put, j.Requests)
	}
	all, err := b.sweep(targets, others, warm, load)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name(), err)
	}
	speed := func(o observed) float64 { return float64(o.Bytes) / 1e6 / o.Seconds }
	cpu := func(o observed) float64 { return ratio(o.cpu, float64(o.Bytes)/float64(gib)) }
	units := []string{"MB/s", "s/GiB"}
	if c.size == small {
		speed = func(o observed) float64 { return float64(o.Requests) / o.Seconds }
		cpu = func(o observed) float64 { return ratio(o.cpu*1e6, float64(o.Requests)) }
		units = []string{"requests/s", "µs/request"}
	}
	b.add(blockRow(c.name()+", pinned", units[0], all, speed))
	b.add(blockRow(c.name()+", CPU, pinned", units[1], all, cpu))
	return nil
}

// blockRow judges by the disk, which gives what keepstore gives: blocks that
// are safe on the disk, or that were checked.
func blockRow(name, unit string, all map[string][]observed, get func(observed) float64) row {
	ours, direct, peer := pick(all["keepstore"], get), pick(all["direct"], get), pick(all["nginx"], get)
	line := row{Name: name, Unit: unit, Ours: spreadOf(ours), Direct: spreadOf(direct), Peer: spreadOf(peer)}
	line.Judged = spreadOf(combine(ours, direct, ratio))
	if line.Peer != nil {
		line.Note = spreadOf(combine(ours, peer, ratio)).text() + " × nginx."
	}
	return line
}

// writers are the ways to store blocks that the load makes. Those of the round
// before are removed, and all is on the disk before the next load begins, so
// that nobody pays for the work of another.
func (r *blockRig) writers(size int64) []target {
	all := []target{{name: "direct", path: r.raw + "/" + blockFile, blocks: &blockJob{Raw: true}}}
	if r.nginx != nil && r.dav {
		all = append(all, target{name: "nginx", process: r.nginx, address: r.address, path: "/put/" + blockFile, blocks: &blockJob{}})
	}
	all = append(all, target{name: "keepstore", process: r.keepstore.process, address: r.keepstore.address,
		path: fmt.Sprintf("/%%[1]s+%d", size), header: r.keepstore.authorization(), blocks: &blockJob{}})
	for i := range all {
		dir := map[string]string{"direct": r.raw, "nginx": r.put, "keepstore": r.volume}[all[i].name]
		all[i].size, all[i].prepare = size, func() error { return r.clear(dir) }
	}
	return all
}

func (r *blockRig) clear(dir string) error {
	defer r.settleDisk()
	return removeBlocks(dir)
}

func (r *blockRig) settleDisk() {
	if r.settle {
		syscall.Sync()
	}
}

// readers are the ways to read blocks of the volume, which it makes first.
func (b *bench) readers(r *blockRig, count, size int64) ([]target, error) {
	if err := removeBlocks(r.volume); err != nil {
		return nil, err
	}
	b.seed++
	hashes, err := fillBlocks(r.volume, b.seed, count, size)
	if err != nil {
		return nil, err
	}
	r.settleDisk()
	raw, web, ours := &blockJob{Raw: true}, &blockJob{}, &blockJob{}
	for _, hash := range hashes {
		file := fmt.Sprintf(blockFile, hash)
		raw.Paths, web.Paths = append(raw.Paths, r.volume+"/"+file), append(web.Paths, "/"+file)
		l, err := r.keepstore.sign(hash, size)
		if err != nil {
			return nil, err
		}
		ours.Paths = append(ours.Paths, "/"+l)
	}
	all := []target{{name: "direct", size: size, blocks: raw}}
	if r.nginx != nil {
		all = append(all, target{name: "nginx", process: r.nginx, address: r.address, size: size, blocks: web})
	}
	return append(all, target{name: "keepstore", process: r.keepstore.process, address: r.keepstore.address, size: size,
		header: r.keepstore.authorization(), blocks: ours}), nil
}
