// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/s3read"
)

// failingProvider has no credentials to give.
type failingProvider struct{}

func (failingProvider) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, errors.New("no credentials today")
}

// faults are the rows of the matrix; at is a position in the body.
func faults(at int) map[string]actions {
	return map[string]actions{
		"close":         {faultproxy.CloseAt(at)},
		"reset":         {faultproxy.ResetAt(at)},
		"stall":         {faultproxy.StallAt(at)},
		"short chunked": {faultproxy.Frame(faultproxy.Chunked), faultproxy.Truncate(max(at, 0))},
		"short closed":  {faultproxy.Frame(faultproxy.Close), faultproxy.Truncate(max(at, 0))},
		"cut chunked":   {faultproxy.Frame(faultproxy.Chunked), faultproxy.CloseAt(at)},
		"500":           {faultproxy.Answer(500, "")},
		"503":           {faultproxy.Answer(503, errorXML("SlowDown", "")), faultproxy.CloseAt(at)},
		"502 html":      {faultproxy.Answer(502, "<html>"), faultproxy.Frame(faultproxy.Close)},
		"redirect":      {faultproxy.Redirect(307, "http://127.0.0.1:1/")},
		"200":           {faultproxy.Status(200), faultproxy.DropHeader("Content-Range"), faultproxy.SetHeader("X-Amz-Version-Id", "x")},
		"204":           {faultproxy.Answer(204, "")},
		"403":           {faultproxy.Answer(403, errorXML("AccessDenied", ""))},
		"other version": {faultproxy.SetHeader("X-Amz-Version-Id", "other"), faultproxy.SetHeader("Etag", `"other"`)},
		"delayed":       {faultproxy.Delay(50 * time.Millisecond)},
	}
}

// cells runs many small tests that mostly wait, at once.
type cells struct {
	running sync.WaitGroup
	slots   chan struct{}
}

func newCells() *cells { return &cells{slots: make(chan struct{}, 8)} }

func (c *cells) run(f func()) {
	c.slots <- struct{}{}
	c.running.Go(func() {
		defer func() { <-c.slots }()
		f()
	})
}

func (c *cells) wait() { c.running.Wait() }

// limitsFor lets only those rows run into the time limit that are about it.
func limitsFor(fault string) s3read.Options {
	if fault == "stall" {
		return hasty
	}
	return patient
}

// TestR24FaultMatrix: whatever goes wrong wherever, a read gives the right
// bytes or an error, and one transient fault is not seen at all.
func TestR24FaultMatrix(t *testing.T) {
	cells := newCells()
	defer cells.wait()
	permanent := map[string]bool{"redirect": true, "200": true, "204": true, "403": true, "other version": true}
	for _, at := range []int{faultproxy.BeforeHeaders, 0, 1, 70_000, mib / 2, mib - 1} {
		for name, do := range faults(at) {
			for _, count := range []int{1, 0} {
				cells.run(func() {
					cell := fmt.Sprintf("%s at %d count %d", name, at, count)
					r := newRig(t, limitsFor(name))
					r.proxy.Set(faultproxy.Rule{Do: do, Count: count})
					got, err := r.read()
					if !bytes.HasPrefix(r.want(), got) || err == nil && len(got) != mib {
						t.Errorf("%s: wrong bytes: %d, %v", cell, len(got), err)
					}
					if err != nil && !errors.As(err, new(*s3read.Error)) {
						t.Errorf("%s: an error of no kind: %v", cell, err)
					}
					if count == 1 && (err != nil) != permanent[name] {
						t.Errorf("%s: error %v", cell, err)
					}
					if n := len(r.proxy.Log()); n > 4 {
						t.Errorf("%s: %d requests", cell, n)
					}
				})
			}
		}
	}
}

// TestR24HeadAndListings: the same faults for HEAD and both listings.
func TestR24HeadAndListings(t *testing.T) {
	ctx := context.Background()
	ops := map[string]func(r *rig) error{
		"head": func(r *rig) error {
			info, err := r.reader.Head(ctx, r.access, bigObject)
			if err == nil && (info.Size != 10*mib || info.Object != bigObject) {
				t.Errorf("wrong info %+v", info)
			}
			return err
		},
		"versions": func(r *rig) error {
			n := 0
			for _, err := range r.reader.Versions(ctx, r.access, faultBucket, "dir/", "") {
				if err != nil {
					return err
				}
				n++
			}
			if n != 2 {
				t.Errorf("%d versions", n)
			}
			return nil
		},
		"browse": func(r *rig) error {
			page, err := r.reader.Browse(ctx, r.access, faultBucket, "dir/", "")
			if err == nil && len(page.Objects) != 1 {
				t.Errorf("wrong page %+v", page)
			}
			return err
		},
	}
	newRig(t, patient) // stores the object
	cells := newCells()
	defer cells.wait()
	for op, run := range ops {
		for _, at := range []int{faultproxy.BeforeHeaders, 0, 100} {
			for name, do := range faults(at) {
				for _, count := range []int{1, 0} {
					cells.run(func() {
						cell := fmt.Sprintf("%s %s at %d count %d", op, name, at, count)
						r := newRig(t, limitsFor(name))
						r.proxy.Set(faultproxy.Rule{Do: do, Count: count})
						if err := run(r); err != nil && !errors.As(err, new(*s3read.Error)) {
							t.Errorf("%s: an error of no kind: %v", cell, err)
						}
						if n := len(r.proxy.Log()); n > 4 {
							t.Errorf("%s: %d requests", cell, n)
						}
					})
				}
			}
		}
	}
}

// TestR25RandomFaults: one request in ten goes wrong somehow.
func TestR25RandomFaults(t *testing.T) {
	r := newRig(t, s3read.Options{Stall: 2 * time.Second})
	random := rand.New(rand.NewPCG(1, 2))
	r.proxy.Set(faultproxy.Rule{Choose: func() []faultproxy.Action {
		if random.IntN(10) > 0 {
			return nil
		}
		at := random.IntN(20_000) - 2
		kinds := []actions{{faultproxy.CloseAt(at)}, {faultproxy.ResetAt(at)}, {faultproxy.Answer(500, "")}, {faultproxy.Answer(503, "")},
			{faultproxy.Frame(faultproxy.Chunked), faultproxy.Truncate(max(at, 0))}, {faultproxy.Frame(faultproxy.Close), faultproxy.Truncate(max(at, 0))}}
		return kinds[random.IntN(len(kinds))]
	}})
	const reads, workers = 2000, 8
	var running sync.WaitGroup
	failed := make(chan error, reads)
	for worker := range workers {
		running.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(worker)))
			for range reads / workers {
				e := r.extent
				e.Offset, e.Size = random.Int64N(9*mib), 1+random.Int64N(30_000)
				got, err := readAll(r.reader, r.access, e)
				if err == nil && !bytes.Equal(got, big()[e.Offset:e.End()]) {
					t.Errorf("wrong bytes at %d", e.Offset)
				}
				if err != nil {
					failed <- err
				}
			}
		})
	}
	running.Wait()
	close(failed)
	n := len(failed)
	for err := range failed {
		e := wantKind(t, err, errorKind(err))
		if e.Kind != s3read.SlowDown && e.Kind != s3read.Unreachable && e.Kind != s3read.BadReply {
			t.Errorf("a lasting error: %v", err)
		}
	}
	if n > reads/1000 {
		t.Errorf("%d of %d reads failed", n, reads)
	}
}

func errorKind(err error) s3read.Kind {
	if e := new(s3read.Error); errors.As(err, &e) {
		return e.Kind
	}
	return ""
}
