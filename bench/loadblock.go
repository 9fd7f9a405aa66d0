// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// blockJob makes a load of whole blocks, each request another one.
type blockJob struct {
	// Raw: the paths are those of files, and there is no server.
	Raw bool
	// Put is how many blocks of Seed are made, before the clock starts, and
	// then written once. The path of the job is a format of their hash.
	Put  int64
	Seed uint64
	// Paths, if there are any, are those of blocks to read, over and over.
	Paths []string
}

// block is one block of a load. Without data it is read.
type block struct {
	path string
	data []byte
}

// blockList hands out the blocks of a load to its connections.
type blockList struct {
	blocks []block
	taken  atomic.Int64
}

// list makes the blocks of a job; it is nil for a job without.
func (j job) list() *blockList {
	if j.Blocks == nil {
		return nil
	}
	l := &blockList{}
	for _, path := range j.Blocks.Paths {
		l.blocks = append(l.blocks, block{path: path})
	}
	for i := range j.Blocks.Put {
		data, hash := makeBlock(j.Blocks.Seed, uint64(i), j.Size)
		l.blocks = append(l.blocks, block{path: fmt.Sprintf(j.Path, hash), data: data})
	}
	return l
}

func (l *blockList) next() block {
	return l.blocks[(l.taken.Add(1)-1)%int64(len(l.blocks))]
}

// blockRequest asks for the next block, or sends it.
func (c *client) blockRequest() request {
	b := c.blocks.next()
	if b.data == nil {
		return request{head: c.headOf("GET", b.path), want: c.job.Size, status: "200 "}
	}
	head := append(c.headOf("PUT", b.path), "Content-Length: "+strconv.Itoa(len(b.data))+"\r\n"...)
	return request{head: head, body: b.data, want: anySize, status: "20"}
}

// runRaw reads or writes files in place of asking a server.
func (c *client) runRaw(more func() bool) error {
	buf := make([]byte, 256<<10)
	for more() {
		b, begin, err := c.blocks.next(), time.Now(), error(nil)
		if b.data == nil {
			err = checkFile(b.path, buf)
		} else {
			err = storeFile(b.path, b.data)
		}
		if err != nil {
			return err
		}
		c.first = append(c.first, float64(time.Since(begin).Nanoseconds())/1e6)
		c.bytes += c.job.Size
	}
	return nil
}

// ownCPU is the CPU time of this process in seconds.
func ownCPU() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
