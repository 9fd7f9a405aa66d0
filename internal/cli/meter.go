// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

const (
	redraw = 100 * time.Millisecond
	// lineEvery is how often progress is told where there is no terminal.
	lineEvery = 10 * time.Second
)

// meter shows how far long work is: a bar on a terminal, elsewhere a line now
// and then. It is safe for concurrent use.
type meter struct {
	out   io.Writer
	label string
	of    int64 // bytes, or -1 if nobody knows

	mu   sync.Mutex
	bar  *progressbar.ProgressBar // nil without a terminal; guarded by mu, like what follows
	next time.Time                // of a line; zero if no progress is to be shown
	done int64
}

// meter begins to show work on a number of bytes, or -1 if nobody knows.
func (s *session) meter(label string, of int64) *meter {
	m := &meter{out: s.err, label: label, of: of}
	switch {
	case s.quiet:
	case isTerminal(s.err):
		m.bar = newBar(s.err, label, of)
	default:
		m.next = time.Now().Add(lineEvery)
	}
	return m
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func newBar(w io.Writer, label string, of int64) *progressbar.ProgressBar {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(label), progressbar.OptionThrottle(redraw),
		progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true), progressbar.OptionEnableColorCodes(false),
	}
	if of < 0 {
		options = append(options, progressbar.OptionSpinnerType(9), progressbar.OptionSetElapsedTime(false))
	} else {
		options = append(options, progressbar.OptionShowBytes(true), progressbar.OptionShowCount(), progressbar.OptionShowTotalBytes(true),
			progressbar.OptionUseIECUnits(true), progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(20))
	}
	return progressbar.NewOptions64(of, options...)
}

// add tells of more bytes that are done.
func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if m.bar != nil {
		_ = m.bar.Set64(m.done) // progress is not worth an error
		return
	}
	m.line(fmt.Sprintf("%s of %s", size(m.done), size(m.of)))
}

// show tells in words how far it is.
func (m *meter) show(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bar != nil {
		m.bar.Describe(m.label + ": " + text)
		return
	}
	m.line(text)
}

// line prints progress if it is time for it. mu must be held.
func (m *meter) line(text string) {
	if now := time.Now(); !m.next.IsZero() && now.After(m.next) {
		m.next = now.Add(lineEvery)
		fmt.Fprintln(m.out, m.label+": "+text) // progress is not worth an error
	}
}

// say prints a line above the bar. The arguments must be escaped.
func (m *meter) say(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bar != nil {
		_ = m.bar.Clear() // it is drawn again
	}
	fmt.Fprintf(m.out, format+"\n", args...) // there is nowhere else to say it
}

// end takes the bar away.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bar != nil {
		_ = m.bar.Clear() // progress is not worth an error
		_ = m.bar.Exit()  // ends its goroutine
	}
	m.bar, m.next = nil, time.Time{}
}
