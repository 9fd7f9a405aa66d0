// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"time"
)

// client is one connection of the load generator. It speaks just enough HTTP
// that it costs little beside what it measures.
type client struct {
	job    job
	random *rand.Rand
	head   []byte // the request up to its Range header
	conn   net.Conn
	reader *bufio.Reader
	buffer []byte
	first  []float64 // ms to the first byte, one for each reply
	bytes  int64
}

func newClient(j job, seed uint64) *client {
	head := "GET " + j.Path + " HTTP/1.1\r\nHost: " + j.Address + "\r\n" + j.Header
	return &client{job: j, head: []byte(head), buffer: make([]byte, 512<<10), random: rand.New(rand.NewPCG(seed, 1))}
}

func (c *client) run(more func() bool) error {
	if err := c.dial(0); err != nil {
		return err
	}
	defer c.conn.Close()
	for more() {
		size, err := c.ask()
		if err != nil {
			return err
		}
		if err := c.drain(size); err != nil {
			return err
		}
	}
	return nil
}

// dial connects, with a small receive buffer if one is given.
func (c *client) dial(receive int) error {
	d := net.Dialer{Timeout: 10 * time.Second}
	if receive > 0 {
		d.Control = func(_, _ string, raw syscall.RawConn) error {
			var err error
			control := raw.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receive)
			})
			if control != nil {
				return control
			}
			return err
		}
	}
	var err error
	if c.conn, err = d.Dial("tcp", c.job.Address); err != nil {
		return err
	}
	c.reader = bufio.NewReaderSize(c.conn, 16<<10)
	return nil
}

// ask sends a request and reads the header of the reply. It returns the size
// of the body.
func (c *client) ask() (int64, error) {
	request, want, status := c.head, c.job.Size, "200"
	if c.job.Part > 0 {
		offset := c.random.Int64N(c.job.Size - c.job.Part)
		request = fmt.Appendf(request[:len(request):len(request)], "Range: bytes=%d-%d\r\n", offset, offset+c.job.Part-1)
		want, status = c.job.Part, "206"
	}
	begin := time.Now()
	if _, err := c.conn.Write(append(request[:len(request):len(request)], "\r\n"...)); err != nil {
		return 0, err
	}
	if _, err := c.reader.Peek(1); err != nil {
		return 0, err
	}
	c.first = append(c.first, float64(time.Since(begin).Nanoseconds())/1e6)
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 "+status)) {
		return 0, fmt.Errorf("%s answered %q", c.job.Address, line)
	}
	size, err := c.contentLength()
	if err == nil && size != want {
		err = fmt.Errorf("%s sends %d bytes in place of %d", c.job.Address, size, want)
	}
	return size, err
}

// contentLength reads the header fields.
func (c *client) contentLength() (int64, error) {
	size := int64(-1)
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return size, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if size, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64); err != nil {
				return 0, err
			}
		}
	}
}

// drain reads a body. Large bodies bypass the reader's buffer.
func (c *client) drain(size int64) error {
	held, err := c.reader.Discard(int(min(size, int64(c.reader.Buffered()))))
	if err != nil {
		return err
	}
	for left := size - int64(held); left > 0; {
		n, err := c.conn.Read(c.buffer[:min(left, int64(len(c.buffer)))])
		if err != nil {
			return fmt.Errorf("%s broke off: %w", c.job.Address, err)
		}
		left -= int64(n)
	}
	c.bytes += size
	return nil
}

// A crawling client takes crawlBytes every crawlPause, through a socket whose
// buffer is kept small, so that it cannot hide its slowness.
const (
	crawlBytes   = 4 << 10
	crawlPause   = 250 * time.Millisecond
	crawlReceive = 32 << 10
)

// crawl opens all connections and returns when each has its first byte. They
// go on crawling in the background.
func crawl(j job) loadResult {
	errs := make(chan error, j.Connections)
	begin := time.Now()
	for i := range j.Connections {
		c := newClient(j, uint64(i))
		c.buffer = make([]byte, crawlBytes)
		go func() {
			err := c.dial(crawlReceive)
			if err == nil {
				_, err = c.ask()
			}
			errs <- err
			for err == nil {
				time.Sleep(crawlPause)
				_, err = io.ReadFull(c.reader, c.buffer)
			}
		}()
	}
	r := loadResult{Requests: int64(j.Connections)}
	for range j.Connections {
		if err := <-errs; err != nil {
			r.Error = err.Error()
		}
	}
	r.Seconds = time.Since(begin).Seconds()
	return r
}
