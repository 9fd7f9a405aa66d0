// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"time"
)

// A client must take each piece of an answer within a time that grows with
// its size, or the connection is cut: what an answer holds (a place, memory, a
// request to S3) must not depend on a client that does not read.
const (
	writePiece = 1 << 20
	writeUnit  = 256 << 10
	writeWait  = 30 * time.Second // for a unit
)

// recorder remembers what was sent, and limits how long that takes.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	// wait is the limit for one unit, until the one for the whole answer, or
	// zero.
	wait  time.Duration
	until time.Time
}

// newRecorder returns a recorder whose limit for one unit is no longer than
// total, if that is set.
func newRecorder(w http.ResponseWriter, total time.Duration) *recorder {
	wait := writeWait
	if total > 0 {
		wait = min(wait, total)
	}
	return &recorder{ResponseWriter: w, wait: wait}
}

// WriteHeader sends the status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends bytes, after status 200 when none was sent.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	written := 0
	for {
		piece := p[written:min(written+writePiece, len(p))]
		w.setDeadline(len(piece))
		n, err := w.ResponseWriter.Write(piece)
		written += n
		w.bytes += int64(n)
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

func (w *recorder) setDeadline(bytes int) {
	units := (bytes + writeUnit - 1) / writeUnit
	deadline := time.Now().Add(w.wait * time.Duration(max(units, 1)))
	if !w.until.IsZero() && w.until.Before(deadline) {
		deadline = w.until
	}
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(deadline) // best effort
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
