// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// version is the version id of every object of the nginx stand-in.
const version = "bench-version-1"

// blobKey is the key of an object of the given size. The generator reads the
// size out of the key.
func blobKey(size int64) string { return "blob-" + strconv.FormatInt(size, 10) }

// generatorOptions say how the generator behaves.
type generatorOptions struct {
	// keys, nested and old describe the listing: how many keys, whether they
	// lie in folders, and how many old versions each has.
	keys   int
	nested bool
	old    int
	// page is the time that a page of a listing takes.
	page time.Duration
	// first is the time to the first byte of an object, and rate how many
	// bytes per second one connection gets after that; 0 is no limit.
	first time.Duration
	rate  int64
}

func (o generatorOptions) args() []string {
	return []string{generatorCommand, "-keys", strconv.Itoa(o.keys), "-nested=" + strconv.FormatBool(o.nested),
		"-old", strconv.Itoa(o.old), "-page", o.page.String(), "-first", o.first.String(), "-rate", strconv.FormatInt(o.rate, 10)}
}

func parseGenerator(args []string) (generatorOptions, error) {
	var o generatorOptions
	f := flag.NewFlagSet(generatorCommand, flag.ContinueOnError)
	f.IntVar(&o.keys, "keys", 0, "keys in the listing")
	f.BoolVar(&o.nested, "nested", false, "keys lie in folders")
	f.IntVar(&o.old, "old", 0, "old versions of each key")
	f.DurationVar(&o.page, "page", 0, "time of a page")
	f.DurationVar(&o.first, "first", 0, "time to the first byte")
	f.Int64Var(&o.rate, "rate", 0, "bytes per second")
	return o, f.Parse(args)
}

// startGenerator starts a generator and returns its address.
func startGenerator(dir, self, cpus string, o generatorOptions) (*process, string, error) {
	p, err := start(dir, command{name: "generator", cpus: cpus, args: append([]string{self}, o.args()...)})
	if err != nil {
		return nil, "", err
	}
	address, err := p.line("listening ")
	p.drain()
	return p, address, err
}

// generatorMain is the process of the generator: an S3 server that makes up
// what it serves. It ends when it is told to.
func generatorMain(ctx context.Context, args []string) int {
	o, err := parseGenerator(args)
	if err != nil {
		return 2
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	web := &http.Server{Handler: o, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = web.Close() })
	fmt.Println("listening " + listener.Addr().String())
	_ = web.Serve(listener) // ends with web.Close
	return 0
}

// ServeHTTP answers ListObjectVersions, and GET and HEAD of any object.
func (o generatorOptions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if key == "" {
		time.Sleep(o.page)
		w.Header().Set("Content-Type", "application/xml")
		_, _ = w.Write(o.listing(r.URL.Query())) // the client may be gone
		return
	}
	size := int64(listedSize)
	if text, ok := strings.CutPrefix(key, blobKey(0)[:len("blob-")]); ok {
		size, _ = strconv.ParseInt(text, 10, 64) // keys are made by blobKey
	}
	time.Sleep(o.first)
	o.object(w, r, size)
}

// object answers with zeros.
func (o generatorOptions) object(w http.ResponseWriter, r *http.Request, size int64) {
	h := w.Header()
	h.Set("X-Amz-Version-Id", r.URL.Query().Get("versionId"))
	h.Set("ETag", `"`+strings.Repeat("0", 32)+`"`)
	h.Set("Content-Type", "application/octet-stream")
	first, last, status := int64(0), size-1, http.StatusOK
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); n == 2 {
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, size))
	}
	h.Set("Content-Length", strconv.FormatInt(last-first+1, 10))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		o.send(w, last-first+1)
	}
}

// chunk is how much is sent at a time.
const chunk = 64 << 10

// send sends n zeros, no faster than the rate.
func (o generatorOptions) send(w http.ResponseWriter, n int64) {
	zeros := make([]byte, chunk)
	begin := time.Now()
	for sent := int64(0); sent < n; {
		m, err := w.Write(zeros[:min(n-sent, chunk)])
		if err != nil {
			return
		}
		sent += int64(m)
		if o.rate > 0 {
			due := time.Duration(float64(sent) / float64(o.rate) * float64(time.Second))
			time.Sleep(time.Until(begin.Add(due)))
		}
	}
}
