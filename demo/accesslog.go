// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// visits reads the access log of the gateway. It has a line for each answer:
// owner, bucket, [time zone], address, access key, request, operation, key, and
// more. A key with spaces is cut.
func (g *gateway) visits() ([]visit, error) {
	text, err := os.ReadFile(g.AccessLog)
	if err != nil {
		return nil, err
	}
	var visits []visit
	for line := range bytes.Lines(text) {
		if words := strings.Fields(string(line)); len(words) > 8 && line[len(line)-1] == '\n' {
			visits = append(visits, visit{who: words[5], bucket: words[1], key: words[8]})
		}
	}
	return visits, nil
}

// audit takes what MinIO servers say about each request. Of that it keeps no
// signature and no session.
type audit struct {
	url string
	web *http.Server

	mu   sync.Mutex
	seen []visit
}

func startAudit() (*audit, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &audit{url: "http://" + l.Addr().String()}
	a.web = &http.Server{Handler: a, ReadHeaderTimeout: time.Minute}
	go func() { _ = a.web.Serve(l) }() // ends with stop
	return a, nil
}

func (a *audit) stop() error { return a.web.Close() }

// ServeHTTP takes entries. MinIO also asks whether anyone is here.
func (a *audit) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	for d := json.NewDecoder(io.LimitReader(r.Body, 1<<20)); ; {
		var entry struct {
			API    struct{ Bucket, Object string }
			Claims struct{ Sub string } `json:"requestClaims"`
			Key    string               `json:"accessKey"`
		}
		if d.Decode(&entry) != nil {
			return // the end, or nothing that we know
		}
		v := visit{who: entry.Claims.Sub, bucket: entry.API.Bucket, key: entry.API.Object}
		if v.who == "" {
			v.who = entry.Key // not a session of our issuer
		}
		a.mu.Lock()
		a.seen = append(a.seen, v)
		a.mu.Unlock()
	}
}

func (a *audit) visits() ([]visit, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.seen), nil
}
