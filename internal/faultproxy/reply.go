// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package faultproxy

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Framing says how the end of a body is told.
type Framing int

// The framings.
const (
	Length Framing = iota
	Chunked
	Close
)

// fault is what happens at a byte of the body.
type fault int

const (
	stop fault = iota
	stall
	reset
)

// Reply is a reply on its way back. Actions change it.
type Reply struct {
	// Asked is the request.
	Asked   Request
	Status  int
	Header  http.Header
	Body    []byte
	Framing Framing

	head bool
	// cutAt is the byte of the body before which fault happens: -1 never, -2
	// before the headers.
	cutAt   int
	fault   fault
	delay   time.Duration
	trickle time.Duration
}

// write sends the reply and reports whether the connection can go on.
func (r *Reply) write(c *net.TCPConn, done <-chan struct{}) bool {
	if !wait(r.delay, done) {
		return false
	}
	if r.cutAt == -2 {
		r.fail(c, done)
		return false
	}
	if _, err := c.Write(r.headBytes()); err != nil || r.head {
		return err == nil && r.Framing != Close
	}
	body := r.Body
	if cut := r.cutAt; cut >= 0 && cut <= len(body) {
		_ = r.writeBody(c, body[:cut], done) // it fails next anyway
		r.fail(c, done)
		return false
	}
	if r.writeBody(c, body, done) != nil {
		return false
	}
	if r.Framing == Chunked {
		_, err := c.Write([]byte("0\r\n\r\n"))
		return err == nil
	}
	return r.Framing == Length
}

func (r *Reply) headBytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %03d %s\r\n", r.Status, http.StatusText(r.Status))
	h := r.Header.Clone()
	switch {
	case r.head:
	case r.Framing == Length:
		if h.Get("Content-Length") == "" {
			h.Set("Content-Length", strconv.Itoa(len(r.Body)))
		}
	default:
		h.Del("Content-Length")
		if r.Framing == Chunked {
			h.Set("Transfer-Encoding", "chunked")
		} else {
			h.Set("Connection", "close")
		}
	}
	_ = h.Write(&b) // a bytes.Buffer does not fail
	b.WriteString("\r\n")
	return b.Bytes()
}

func (r *Reply) writeBody(c net.Conn, body []byte, done <-chan struct{}) error {
	step := len(body)
	if r.trickle > 0 {
		step = 1
	}
	for len(body) > 0 {
		piece := body[:step]
		body = body[step:]
		if r.Framing == Chunked {
			piece = fmt.Appendf(nil, "%x\r\n%s\r\n", len(piece), piece)
		}
		if _, err := c.Write(piece); err != nil {
			return err
		}
		if !wait(r.trickle, done) {
			return net.ErrClosed
		}
	}
	return nil
}

// fail ends the connection as the fault says.
func (r *Reply) fail(c *net.TCPConn, done <-chan struct{}) {
	switch r.fault {
	case stall:
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = c.Read(make([]byte, 1)) // returns when the peer leaves
		}()
		select {
		case <-gone:
		case <-done:
			_ = c.Close()
			<-gone
		}
	case reset:
		_ = c.SetLinger(0) // makes Close send RST
	}
	_ = c.Close()
}

// wait sleeps and reports whether the proxy still runs.
func wait(d time.Duration, done <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}
