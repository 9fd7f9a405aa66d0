// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"sync"
	"time"
)

// pulseTime is how long there may be no progress line: people are told
// something every two seconds.
const pulseTime = 1500 * time.Millisecond

// pulse is the sink of a job. Between the points at which the import can be
// resumed it sends progress lines of its own, however slow S3 is, and also
// before the first page is listed.
type pulse struct {
	sink Sink
	read func() int64

	mu    sync.Mutex
	now   Progress  // guarded by mu, like what follows
	last  time.Time // of the progress lines
	begun bool      // something was sent
	ended bool      // the last line was sent
	err   error     // of a line of its own
}

// Line sends one line.
func (p *pulse) Line(line any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.begun = true
	switch line.(type) {
	case Progress:
		p.last = time.Now()
	case Done, Failed:
		p.ended = true
	}
	return p.sink.Line(line)
}

// note says what is to be told now.
func (p *pulse) note(now Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
}

// silent reports whether nothing was sent; nothing is sent after that.
func (p *pulse) silent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = p.ended || !p.begun
	return !p.begun
}

// run sends lines until stop is closed. When one cannot be sent it cancels
// the job.
func (p *pulse) run(stop <-chan struct{}, cancel func()) {
	ticker := time.NewTicker(pulseTime / 3)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			if p.beat() != nil {
				cancel()
				return
			}
		}
	}
}

// beat sends a progress line if it is time for one.
func (p *pulse) beat() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || time.Since(p.last) < pulseTime {
		return nil
	}
	p.last, p.begun = time.Now(), true
	line := p.now
	line.Type, line.BytesRead = "progress", p.read()
	p.err = p.sink.Line(line)
	return p.err
}
