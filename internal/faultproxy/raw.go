// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package faultproxy

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Raw answers every request with literal bytes and closes the connection.
type Raw struct {
	listener net.Listener
	requests atomic.Int64
}

// NewRaw starts a responder. answer is called with the number of the request,
// from 1, and writes to the connection.
func NewRaw(t testing.TB, answer func(n int, c net.Conn)) *Raw {
	t.Helper()
	r := &Raw{listener: listen(t)}
	accept(t, r.listener, func(c net.Conn) {
		if _, err := readHead(bufio.NewReader(c)); err == nil {
			answer(int(r.requests.Add(1)), c)
		}
	})
	return r
}

// Text returns an answer that writes the same text each time.
func Text(text string) func(int, net.Conn) {
	return func(_ int, c net.Conn) {
		_, _ = c.Write([]byte(text)) // the peer may have left
	}
}

// Switch is an answer that switches to a protocol in which nothing comes, for
// as long as the client holds the connection. The test ends it if nobody else
// does.
func Switch(_ int, c net.Conn) {
	_, _ = c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"))
	_, _ = io.Copy(io.Discard, c) // until the peer leaves
}

// URL is where to send requests.
func (r *Raw) URL() string { return "http://" + r.listener.Addr().String() }

// Requests is how many requests came.
func (r *Raw) Requests() int { return int(r.requests.Load()) }

// Canary is a listener that nobody may contact.
type Canary struct {
	listener net.Listener
	contacts atomic.Int64
}

// NewCanary starts a canary. The test fails at its end if anybody came.
func NewCanary(t testing.TB) *Canary {
	t.Helper()
	k := &Canary{listener: listen(t)}
	t.Cleanup(func() {
		if n := k.contacts.Load(); n != 0 {
			t.Errorf("the canary was contacted %d times", n)
		}
	})
	accept(t, k.listener, func(net.Conn) { k.contacts.Add(1) })
	return k
}

// URL is the address that must not be used.
func (k *Canary) URL() string { return "http://" + k.listener.Addr().String() }

// Contacts is how many connections came.
func (k *Canary) Contacts() int { return int(k.contacts.Load()) }

// accept serves connections until the end of the test.
func accept(t testing.TB, l net.Listener, serve func(net.Conn)) {
	var running sync.WaitGroup
	open := &openConns{conns: make(map[net.Conn]bool)}
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.add(c)
			running.Go(func() {
				defer open.drop(c)
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // stops the loop
		open.close()
		running.Wait()
	})
}

// openConns is a set of connections that can be closed together.
type openConns struct {
	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

func (o *openConns) add(c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.conns[c] = true
	if o.closed {
		_ = c.Close() // close came first
	}
}

func (o *openConns) drop(c net.Conn) {
	_ = c.Close() // it may be closed already
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.conns, c)
}

func (o *openConns) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for c := range o.conns {
		_ = c.Close() // unblocks whoever uses it
	}
}
