// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"errors"
	"io"
)

// Body gives the bytes of an extent. It must be closed. Like most readers it
// is for one goroutine at a time; to break off a Read, cancel the context.
type Body struct {
	operation *operation
	attempt   *attempt
	first     *part
	left      int64
	// cause is what ended the current attempt early. The next Read resumes,
	// so that bytes in hand are not held back meanwhile.
	cause error
	err   error
}

// ETag returns the ETag of the object without quotes.
func (b *Body) ETag() string { return b.first.etag }

// Total returns the size of the whole object.
func (b *Body) Total() int64 { return b.first.total }

// Read gives the next bytes, resuming broken replies. After the last byte it
// returns io.EOF, and after an [*Error] the same error for ever.
func (b *Body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for b.err == nil {
		if b.cause != nil {
			b.resume()
			continue
		}
		n, err := b.attempt.read(p[:min(int64(len(p)), b.left)])
		b.left -= int64(n)
		if b.left == 0 {
			return b.last(n, err)
		}
		b.cause = err
		if n > 0 {
			return n, nil
		}
	}
	return 0, b.err
}

// last handles the read that completes the extent. Its bytes go out only when
// the reply is known to end there: a server that sends more than it was asked
// for is not to be trusted.
func (b *Body) last(n int, err error) (int, error) {
	if err == nil {
		var one [1]byte
		if extra, _ := b.attempt.read(one[:]); extra > 0 {
			b.operation.pooled.CloseIdleConnections() // this one may be among them already
			b.end(b.attempt.bad("its body is longer than its headers say"))
			return 0, b.err
		}
	}
	b.end(io.EOF)
	return n, nil
}

// resume continues at the current offset on a new connection. The object must
// still be the same one.
func (b *Body) resume() {
	a, o := b.attempt, b.operation
	err := a.cut(b.cause)
	b.cause = nil
	o.offset, o.size = o.offset+o.size-b.left, b.left
	o.ifMatch = b.first.etag
	a.finish(err)
	if err = o.pause(err); err == nil {
		err = b.open()
	}
	if err != nil {
		b.end(err)
	}
}

// cut makes the error of a body that ended too soon.
func (a *attempt) cut(err error) error {
	if errors.Is(err, io.EOF) && a.ctx.Err() == nil {
		e := a.bad("its body is shorter than its headers say")
		e.retry, e.fresh = true, true
		return e
	}
	return a.broken(a, err)
}

// end records the final state and frees everything.
func (b *Body) end(err error) {
	if b.err != nil {
		return
	}
	b.err = err
	if b.attempt != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		b.attempt.finish(err)
	}
	b.operation.end()
}

// errClosed is what Read returns after Close.
var errClosed = errors.New("s3read: read after Close")

// Close frees the connection and the slot. It may be called at any time and
// more than once.
func (b *Body) Close() error {
	b.end(errClosed)
	return nil
}
