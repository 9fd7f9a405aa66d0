// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"errors"
	"io"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/s3read"
)

// slow is a bucket whose listing pauses before each key, and in the end fails
// if it has an error to fail with.
type slow struct {
	*bucket
	pause time.Duration
	err   error
}

func (s *slow) Versions(ctx context.Context, a creds.Access, name, prefix, after string) iter.Seq2[s3read.Version, error] {
	return func(yield func(s3read.Version, error) bool) {
		for v, err := range s.bucket.Versions(ctx, a, name, prefix, after) {
			if pause(ctx, s.pause) != nil || !yield(v, err) {
				return
			}
		}
		if s.err != nil {
			_ = pause(ctx, s.pause)
			yield(s3read.Version{}, s.err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// clockSink keeps the times of progress lines, and fails after some lines.
type clockSink struct {
	lines
	at    []time.Time
	after int
	err   error
}

func (s *clockSink) Line(line any) error {
	if _, ok := line.(Progress); ok {
		s.at = append(s.at, time.Now())
	}
	if s.after--; s.after == 0 {
		return s.err
	}
	return s.lines.Line(line)
}

// TestProgressWhileS3IsSlow: there is a progress line every two seconds, from
// the beginning on, and none after the last line.
func TestProgressWhileS3IsSlow(t *testing.T) {
	for what, wait := range map[string]time.Duration{"pages take long": 20 * time.Second, "many pages": 700 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b := &slow{bucket: &bucket{versions: tree(12)}, pause: wait}
			im := newImporter(t, b.bucket)
			im.Lister = b
			out, last := &clockSink{}, time.Now()
			if err := im.Run(t.Context(), prefix("s3://data/p/"), creds.NewSecret("alice"), out, io.Discard); err != nil {
				t.Fatal(err)
			}
			for _, at := range append(out.at, time.Now()) {
				if at.Sub(last) > 2*time.Second {
					t.Errorf("%s: nothing was told for %s", what, at.Sub(last))
				}
				last = at
			}
			if p := out.progress; len(p) == 0 || p[0].Listed > 3 || p[len(p)-1].Listed < 8 || out.done == nil || out.done.Files != 12 {
				t.Errorf("%s: there are %d progress lines and %+v", what, len(p), out.done)
			}
		})
	}
}

// TestFailureAfterSilence: an import of which only progress was told ends with
// an error line, and one that fails at once with none.
func TestFailureAfterSilence(t *testing.T) {
	for wait, lines := range map[time.Duration]bool{time.Minute: true, time.Millisecond: false} {
		synctest.Test(t, func(t *testing.T) {
			b := &slow{bucket: &bucket{}, pause: wait, err: &s3read.Error{Kind: s3read.Unreachable, Text: "S3 is gone"}}
			im := newImporter(t, b.bucket)
			im.Lister = b
			out := &clockSink{}
			err := im.Run(t.Context(), prefix("s3://data/p/"), creds.NewSecret("alice"), out, io.Discard)
			if wordOf(err) != string(s3read.Unreachable) || (out.failed != nil) != lines || (len(out.at) > 0) != lines {
				t.Errorf("after %s: %v, %+v, %d progress lines", wait, err, out.failed, len(out.at))
			}
		})
	}
}

// TestPulseFindsTheClientGone: a client that went away while S3 is silent ends
// the import.
func TestPulseFindsTheClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slow{bucket: &bucket{versions: objects("p/a", "p/b")}, pause: time.Hour}
		im := newImporter(t, b.bucket)
		im.Lister = b
		started := time.Now()
		gone := &clockSink{after: 2, err: errors.New("the client went away")}
		err := im.Run(t.Context(), prefix("s3://data/p/"), creds.NewSecret("alice"), gone, io.Discard)
		if err == nil || gone.done != nil || time.Since(started) > 10*time.Second {
			t.Errorf("after %s: %v, %+v", time.Since(started), err, gone.done)
		}
	})
}

// TestNoPulseAfterTheDecision: once an error is to be told by a status, the
// pulse sends no line any more, which would make it a broken-off answer.
func TestNoPulseAfterTheDecision(t *testing.T) {
	for beaten, sent := range map[bool]int{false: 0, true: 2} {
		out := &clockSink{}
		p := &pulse{sink: out, read: func() int64 { return 0 }} // a line is long due
		if beaten {
			if err := p.beat(); err != nil {
				t.Fatal(err)
			}
			p.last = time.Time{}
		}
		if p.silent() == beaten {
			t.Errorf("the pulse counts as silent, or not, after %d lines", len(out.at))
		}
		if err := p.beat(); err != nil || len(out.at) != sent {
			t.Errorf("%d lines were sent, not %d, %v", len(out.at), sent, err)
		}
	}
}
