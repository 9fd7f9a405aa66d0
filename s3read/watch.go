// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"context"
	"errors"
	"time"
)

// Causes of a cancelled attempt.
var (
	errStall = errors.New("S3 sent nothing for too long")
	errSlow  = errors.New("S3 sent too slowly")
	errTotal = errors.New("the operation took too long")
)

// watch ends an attempt that waits too long for S3. Time counts only between
// begin and end, which bracket each call that waits for the network.
type watch struct {
	stall   time.Duration
	minRate int64
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	since   time.Time
	// waited and bytes are those of the current window.
	waited time.Duration
	bytes  int64
}

func (w *watch) begin() {
	w.since = time.Now()
	if w.timer == nil {
		w.timer = time.AfterFunc(w.stall, func() { w.cancel(errStall) })
		return
	}
	w.timer.Reset(w.stall)
}

// end stops the clock after n bytes came.
func (w *watch) end(n int) {
	w.timer.Stop()
	w.waited += time.Since(w.since)
	w.bytes += int64(n)
	if w.waited < w.stall {
		return
	}
	if float64(w.bytes) < float64(w.minRate)*w.waited.Seconds() {
		w.cancel(errSlow)
	}
	w.waited, w.bytes = 0, 0
}
