// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package faultproxy

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Request is one logged request.
type Request struct {
	Method string
	// Path and Query are as on the wire.
	Path, Query    string
	Range, IfMatch string
	// AccessKey and Region are the access key id and the region of the
	// signature.
	AccessKey, Region string
	// Payer is the header x-amz-request-payer.
	Payer string
	// Head and Body are what was sent, byte for byte.
	Head, Body string
	// Conn counts the connections to the proxy from 1.
	Conn int
}

// String is the request as golden traces show it.
func (r Request) String() string {
	s := r.Method + " " + r.Path
	if r.Query != "" {
		s += "?" + r.Query
	}
	if r.Range != "" {
		s += " range=" + r.Range
	}
	if r.IfMatch != "" {
		s += " if-match=" + r.IfMatch
	}
	return s
}

// Rule bends the replies to some requests.
type Rule struct {
	// Method is empty for any.
	Method string
	// Path matches path and query; nil matches any.
	Path *regexp.Regexp
	// From is the first match to act on, counted from 1; zero is 1. Count is
	// how many; zero is all.
	From, Count int
	// Do is applied in order.
	Do []Action
	// Choose, if set, makes the actions in place of Do. It is called by one
	// goroutine at a time.
	Choose func() []Action
}

// Proxy is a reverse proxy with faults.
type Proxy struct {
	target   string
	listener net.Listener
	done     chan struct{}
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	count int
	log   []Request
	rules []Rule
	hits  []int
}

// New starts a proxy before the server at the given URL. It ends with the
// test.
func New(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{target: strings.TrimPrefix(target, "http://"), listener: listen(t),
		done: make(chan struct{}), conns: make(map[net.Conn]bool)}
	p.running.Go(p.serve)
	t.Cleanup(p.close)
	return p
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// URL is where to send requests.
func (p *Proxy) URL() string { return "http://" + p.listener.Addr().String() }

// Set replaces all rules and forgets the log. The first rule that matches a
// request acts on it.
func (p *Proxy) Set(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.hits, p.log = rules, make([]int, len(rules)), nil
}

// Log returns the requests since Set.
func (p *Proxy) Log() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Request(nil), p.log...)
}

func (p *Proxy) close() {
	close(p.done)
	_ = p.listener.Close() // nothing to do about an error here
	p.mu.Lock()
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) serve() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.handle(c.(*net.TCPConn)) })
	}
}

// track registers a connection so that close ends it.
func (p *Proxy) track(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	select {
	case <-p.done:
		_ = c.Close() // close came first
	default:
	}
}

// number counts the connections of clients.
func (p *Proxy) number() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	return p.count
}

func (p *Proxy) untrack(c net.Conn) {
	_ = c.Close() // it may be closed by a fault
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// handle serves one connection; each request gets its own to the target.
func (p *Proxy) handle(c *net.TCPConn) {
	p.track(c)
	defer p.untrack(c)
	id := p.number()
	from := bufio.NewReader(c)
	for {
		head, err := readHead(from)
		if err != nil {
			return
		}
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			return
		}
		body := make([]byte, max(0, request.ContentLength))
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		asked := describe(head, request, id)
		asked.Head, asked.Body = string(head), string(body)
		actions := p.record(asked)
		reply, err := p.forward(append(head, body...), request)
		if err != nil {
			return
		}
		reply.Asked = asked
		for _, act := range actions {
			act(reply)
		}
		if !reply.write(c, p.done) {
			return
		}
	}
}

// record logs a request and chooses the actions for its reply.
func (p *Proxy) record(r Request) []Action {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, r)
	for i, rule := range p.rules {
		if rule.Method != "" && rule.Method != r.Method || rule.Path != nil && !rule.Path.MatchString(r.Path+"?"+r.Query) {
			continue
		}
		p.hits[i]++
		n := p.hits[i] - max(rule.From, 1)
		if n < 0 || rule.Count > 0 && n >= rule.Count {
			continue
		}
		if rule.Choose != nil {
			return rule.Choose()
		}
		return rule.Do
	}
	return nil
}

// readHead reads up to and with the empty line.
func readHead(r *bufio.Reader) ([]byte, error) {
	var head []byte
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		head = append(head, line...)
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return head, nil
		}
	}
}

func describe(head []byte, r *http.Request, conn int) Request {
	fields := strings.SplitN(string(head), " ", 3)
	path, query, _ := strings.Cut(fields[1], "?")
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope := append(strings.Split(credential, "/"), "", "", "") // key, date, region
	return Request{Method: r.Method, Path: path, Query: query, Range: r.Header.Get("Range"),
		IfMatch: r.Header.Get("If-Match"), AccessKey: scope[0], Region: scope[2], Payer: r.Header.Get("X-Amz-Request-Payer"), Conn: conn}
}

// forward sends the request as it came and reads the whole reply.
func (p *Proxy) forward(head []byte, request *http.Request) (*Reply, error) {
	c, err := net.Dial("tcp", p.target)
	if err != nil {
		return nil, err
	}
	p.track(c)
	defer p.untrack(c)
	if _, err := c.Write(head); err != nil {
		return nil, err
	}
	got, err := http.ReadResponse(bufio.NewReader(c), request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, err
	}
	if got.Close {
		got.Header.Del("Connection")
	}
	return &Reply{Status: got.StatusCode, Header: got.Header, Body: body, head: request.Method == http.MethodHead, cutAt: -1}, got.Body.Close()
}
