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
	head   []byte     // the request up to its Range header
	blocks *blockList // nil where one object is asked for
	conn   net.Conn
	reader *bufio.Reader
	buffer []byte
	first  []float64 // ms to the first byte, one for each reply
	bytes  int64
}

func newClient(j job, seed uint64) *client {
	c := &client{job: j, buffer: make([]byte, 512<<10), random: rand.New(rand.NewPCG(seed, 1))}
	c.head = c.headOf("GET", j.Path)
	return c
}

// headOf begins a request.
func (c *client) headOf(method, path string) []byte {
	return []byte(method + " " + path + " HTTP/1.1\r\nHost: " + c.job.Address + "\r\n" + c.job.Header)
}

func (c *client) run(more func() bool) error {
	if c.blocks != nil && c.job.Blocks.Raw {
		return c.runRaw(more)
	}
	if err := c.dial(0); err != nil {
		return err
	}
	defer c.conn.Close()
	for more() {
		r := c.next()
		size, err := c.ask(r)
		if err != nil {
			return err
		}
		if err := c.drain(size); err != nil {
			return err
		}
		if r.body != nil {
			size = int64(len(r.body))
		}
		c.bytes += size
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

// request is one request and the answer that it should have.
type request struct {
	head, body []byte // head without the empty line
	want       int64  // size, or anySize
	status     string // how it begins
}

// anySize is that of answers which say something about the request.
const anySize = -1

// next makes the next request.
func (c *client) next() request {
	switch {
	case c.blocks != nil:
		return c.blockRequest()
	case c.job.Part == 0:
		return request{head: c.head, want: c.job.Size, status: "200 "}
	}
	offset := c.random.Int64N(c.job.Size - c.job.Part)
	head := fmt.Appendf(c.head[:len(c.head):len(c.head)], "Range: bytes=%d-%d\r\n", offset, offset+c.job.Part-1)
	return request{head: head, want: c.job.Part, status: "206 "}
}

// ask sends a request and reads the header of the reply. It returns the size
// of the reply's body.
func (c *client) ask(r request) (int64, error) {
	begin := time.Now()
	sent := net.Buffers{append(r.head[:len(r.head):len(r.head)], "\r\n"...)}
	if r.body != nil {
		sent = append(sent, r.body)
	}
	if _, err := sent.WriteTo(c.conn); err != nil {
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
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 "+r.status)) {
		return 0, fmt.Errorf("%s answered %q", c.job.Address, line)
	}
	size, err := c.contentLength()
	if err == nil && (size < 0 || r.want != anySize && size != r.want) {
		err = fmt.Errorf("%s sends %d bytes in place of %d", c.job.Address, size, r.want)
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
				_, err = c.ask(c.next())
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
