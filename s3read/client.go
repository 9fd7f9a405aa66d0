// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/s3http"
)

// operation is one Open, Head or page of a listing: up to MaxAttempts
// attempts, within one slot and one time limit.
type operation struct {
	*client
	call
	ctx    context.Context
	cancel context.CancelFunc
	tries  int
	// fresh makes the next attempt use a new connection.
	fresh bool
	// renewed and moved say that the keys, or the region, were changed
	// already: once in an operation is enough.
	renewed, moved bool
	ended          bool
}

// begin waits for a slot and starts the clock. The caller must call end.
func (r *Reader) begin(ctx context.Context, c call) (*operation, error) {
	k, err := r.client(c.access.Endpoint)
	if err != nil {
		return nil, err
	}
	c.region = k.regions.of(k.endpoint, c.object.Bucket)
	o := &operation{client: k, call: c}
	o.ctx, o.cancel = context.WithTimeoutCause(ctx, k.options.Total, errTotal)
	select {
	case k.slots <- struct{}{}:
		return o, nil
	case <-o.ctx.Done():
		o.cancel()
		return nil, o.broken(nil, o.ctx.Err())
	}
}

// end gives the slot back. It may be called more than once.
func (o *operation) end() {
	if o.ended {
		return
	}
	o.ended = true
	o.cancel()
	<-o.slots
}

// try makes attempts until one gives a reply that accept takes.
func (o *operation) try(accept func(*attempt) error) (*attempt, error) {
	for {
		a, err := o.send()
		if err == nil {
			if err = accept(a); err == nil {
				o.budget.earn()
				return a, nil
			}
		}
		a.finish(err)
		if err := o.pause(err); err != nil {
			return nil, err
		}
	}
}

// pause waits before another attempt, or returns the final error.
func (o *operation) pause(err error) error {
	e := new(Error)
	if !errors.As(err, &e) || !e.retry {
		if e.Status != 0 {
			o.budget.earn()
		}
		if o.amend(e) {
			return nil
		}
		return err
	}
	if o.tries >= o.options.MaxAttempts || !o.budget.spend(time.Now()) {
		return err
	}
	o.fresh = o.fresh || e.fresh
	if sleep(o.ctx, backoff(o.tries)) != nil {
		return o.broken(nil, o.ctx.Err())
	}
	return nil
}

// attempt is one request and its reply.
type attempt struct {
	*operation
	ctx     context.Context
	cancel  context.CancelCauseFunc
	watch   watch
	number  int
	started time.Time
	reply   *http.Response
	bytes   int64
	closed  bool
}

// send makes one attempt. The attempt is never nil and must be finished.
func (o *operation) send() (*attempt, error) {
	o.tries++
	a := &attempt{operation: o, number: o.tries, started: time.Now()}
	a.ctx, a.cancel = context.WithCancelCause(o.ctx)
	a.watch = watch{stall: o.options.Stall, minRate: o.options.MinRate, cancel: a.cancel}
	request := o.request(a.ctx)
	if err := o.sign(a.ctx, &o.call, request); err != nil {
		if o.ctx.Err() != nil {
			return a, o.broken(nil, err)
		}
		return a, err
	}
	transport := o.pooled
	if o.fresh {
		transport = o.single
	}
	a.watch.begin()
	tallyOf(o.ctx).count(o.op)
	reply, err := transport.RoundTrip(request)
	a.watch.end(0)
	if err != nil {
		return a, o.broken(a, err)
	}
	a.watch.waited = 0 // the rate is that of the body alone
	a.reply = reply
	return a, nil
}

// read reads the body, timed.
func (a *attempt) read(p []byte) (int, error) {
	a.watch.begin()
	n, err := a.reply.Body.Read(p)
	a.watch.end(n)
	a.bytes += int64(n)
	return n, err
}

// finish drops what is left of the reply and reports the attempt. Only a body
// that was read to its end leaves its connection for others.
func (a *attempt) finish(err error) {
	if a.closed {
		return
	}
	a.closed = true
	a.cancel(context.Canceled)
	if a.reply != nil {
		_ = a.reply.Body.Close() // nothing to learn: the reply is done or dropped
	}
	kind := "ok"
	if word, ok := errors.AsType[interface {
		error
		Word() string
	}](err); ok {
		kind = word.Word()
	}
	a.options.Observe(Event{Endpoint: a.endpoint.Name, Op: a.op, Kind: kind, Bytes: a.bytes,
		Duration: time.Since(a.started), Attempt: a.number})
}

// broken makes the error of an attempt that ended without a whole reply.
func (o *operation) broken(a *attempt, err error) error {
	e := &Error{Op: o.op, Object: o.object, Err: err}
	server := "S3 endpoint " + quote(o.endpoint.Name)
	cause := err
	if a != nil {
		cause = context.Cause(a.ctx)
	}
	switch {
	case context.Cause(o.ctx) == errTotal:
		e.Kind, e.Text = Deadline, fmt.Sprintf("reading %s took longer than the limit of %v", name(o.object), o.options.Total)
	case errors.Is(o.ctx.Err(), context.DeadlineExceeded):
		e.Kind, e.Text = Deadline, "the time limit of the request passed before "+server+" had answered"
	case o.ctx.Err() != nil:
		e.Kind, e.Text = Canceled, "the request was given up before "+server+" had answered"
	case cause == errStall:
		e.Kind, e.Text = Deadline, fmt.Sprintf("%s sent nothing for %v: try again later", server, o.options.Stall)
		e.retry, e.fresh = true, true
	case cause == errSlow:
		e.Kind, e.Text = Deadline, fmt.Sprintf("%s sent less than %d bytes per second: try again later", server, o.options.MinRate)
		e.retry, e.fresh = true, true
	default:
		e.Kind, e.Text = Unreachable, unreachable(o.endpoint, err)
		e.retry, e.fresh = !s3http.Hopeless(err), true
	}
	return e
}

func unreachable(e *creds.Endpoint, err error) string {
	if s3http.Hopeless(err) {
		return "the server at S3 endpoint " + quote(e.Name) + " is not to be trusted (certificate or address): ask the operator to check its url and ca_file"
	}
	return "the connection to S3 endpoint " + quote(e.Name) + " failed: try again later"
}

func quote(s string) string { return strconv.Quote(s) }
