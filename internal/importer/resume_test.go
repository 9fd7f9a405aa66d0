// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/s3read"
)

// tree makes n keys in folders of different sizes.
func tree(n int) []s3read.Version {
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprintf("p/%03d/%05d", i*i%97, i))
	}
	slices.Sort(keys)
	return objects(keys...)
}

// TestResume breaks an import after every so many keys, goes on from the last
// token, and compares with an import that was not disturbed.
func TestResume(t *testing.T) {
	versions := tree(30000)
	want := run(t, newImporter(t, &bucket{versions: versions}), prefix("s3://data/p/"))
	for _, at := range []int{11000, 17500, 29999} {
		b := &bucket{versions: versions, breakAfter: at}
		im := newImporter(t, b)
		var first lines
		err := im.Run(t.Context(), prefix("s3://data/p/"), creds.NewSecret("alice"), &first, io.Discard)
		if err == nil || first.failed == nil || first.done != nil || first.failed.Resume == "" {
			t.Fatalf("broken at %d: %v, %+v", at, err, first.failed)
		}
		kept := int(first.progress[len(first.progress)-1].Files)
		b.breakAfter = 0
		request := prefix("s3://data/p/")
		request.Resume = first.failed.Resume
		second := run(t, im, request)
		if second.done.PDH != want.done.PDH || second.done.Counts != want.done.Counts {
			t.Errorf("broken at %d: done %+v, want %+v", at, second.done, want.done)
		}
		files := append(first.files[:kept:kept], second.files...)
		same := slices.EqualFunc(files, want.files, func(a, b File) bool { return a.URL == b.URL && a.Path == b.Path })
		if !same {
			t.Errorf("broken at %d: the union of both runs is not the whole", at)
		}
	}
}

// tickingSink makes a progress line due after each skipped one.
type tickingSink struct {
	lines
	late time.Duration
}

func (s *tickingSink) Line(line any) error {
	if _, ok := line.(Skipped); ok {
		s.late += progressTime
	}
	return s.lines.Line(line)
}

// TestResumeAfterAnOddKey: the text of a key that the listing cannot show is
// no place to go on from, or the keys between would be lost.
func TestResumeAfterAnOddKey(t *testing.T) {
	versions := objects("p/d1/a", "p/d1/\ufffd")
	versions[1].Undecodable = true
	// In the bytes of S3 the odd key stands before these; in ours after.
	versions = append(versions, objects("p/d2/x", "p/d3/x", "p/d3/y")...)
	versions[1].Object.Key = "p/d2/\ufffd"
	b := &bucket{versions: versions, breakAfter: 4}
	im := newImporter(t, b)
	var first tickingSink
	im.Now = func() time.Time { return epoch.Add(first.late) }
	if err := im.Run(t.Context(), prefix("s3://data/p/"), creds.NewSecret("alice"), &first, io.Discard); err == nil {
		t.Fatal("the import did not break off")
	}
	b.breakAfter = 0
	request := prefix("s3://data/p/")
	if first.failed != nil {
		request.Resume = first.failed.Resume
	}
	second := run(t, im, request)
	if got := second.done; got.Listed != 5 || got.Files != 4 || got.Skipped != 1 {
		t.Errorf("done %+v, want 4 files and 1 skipped", got)
	}
}

func TestResumeTokenIsBound(t *testing.T) {
	b := &bucket{versions: tree(30000), breakAfter: 25000}
	im := newImporter(t, b)
	var first lines
	_ = im.Run(t.Context(), prefix("s3://data/p/"), creds.NewSecret("alice"), &first, io.Discard) // breaks on purpose
	b.breakAfter = 0
	good := prefix("s3://data/p/")
	good.Resume = first.failed.Resume
	refused(t, im, "bob", good, "bad-resume-token")
	other := good
	other.Form = "derived"
	refused(t, im, "alice", other, "bad-resume-token")
	for _, damaged := range []string{"x", good.Resume[1:], good.Resume + "AAAA", strings.Repeat("A", 100)} {
		bad := good
		bad.Resume = damaged
		refused(t, im, "alice", bad, "bad-resume-token")
	}
	im.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	refused(t, im, "alice", good, "bad-resume-token")
	im.Now = nil
	run(t, im, good)
}

// TestManifestText: the text that goes out is the one whose hash is told, and
// lines do not depend on where the import was broken.
func TestManifestText(t *testing.T) {
	var text bytes.Buffer
	var out lines
	im := newImporter(t, &bucket{versions: objects("p/a b", "p/d/x", "p/z")})
	if err := im.Run(t.Context(), prefix("s3://data/p/"), creds.NewSecret("alice"), &out, &text); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(text.String(), "\n")
	if len(got) != 4 || !strings.HasPrefix(got[0], ". ffff") || !strings.HasSuffix(got[0], " 0:10:a\\040b") || !strings.HasPrefix(got[1], "./d ffff") {
		t.Errorf("manifest:\n%s", text.String())
	}
}

type brokenSink struct{ after int }

func (s *brokenSink) Line(any) error {
	if s.after--; s.after < 0 {
		return errors.New("the client went away")
	}
	return nil
}

func TestClientLeaves(t *testing.T) {
	im := newImporter(t, &bucket{versions: tree(1000)})
	if err := im.Run(t.Context(), prefix("s3://data/p/"), creds.NewSecret("alice"), &brokenSink{after: 10}, io.Discard); err == nil {
		t.Error("the import went on without a client")
	}
	if len(im.runs) != 0 {
		t.Error("the run is still counted")
	}
}

func TestTooManyRuns(t *testing.T) {
	im := newImporter(t, &bucket{versions: tree(10)})
	im.MaxRuns = 4
	session, err := im.Admit(t.Context(), creds.NewSecret("alice"))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, im, "alice", prefix("s3://data/p/"), "overloaded")
	session.Close()
	run(t, im, prefix("s3://data/p/"))
}

// endless is a simulated listing of n keys that holds none of them.
type endless struct {
	bucket
	n int
}

func (e *endless) Versions(_ context.Context, _ creds.Access, name, _, _ string) iter.Seq2[s3read.Version, error] {
	return func(yield func(s3read.Version, error) bool) {
		for i := range e.n {
			v := object(fmt.Sprintf("p/%04d/sample_%08d.fastq.gz", i/5000, i))
			v.Object.Bucket = name
			if !yield(v, nil) {
				return
			}
		}
	}
}

// peakSink watches the heap while lines pass.
type peakSink struct {
	n    int
	peak uint64
	done Done
}

func (s *peakSink) Line(line any) error {
	if s.n++; s.n%20000 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.peak = max(s.peak, m.HeapInuse+m.StackInuse)
	}
	if done, ok := line.(Done); ok {
		s.done = done
	}
	return nil
}

// TestMemoryIsBounded imports so many keys that keeping 150 bytes of each
// would be noticed. KEEPSTORE_TEST_KEYS=10000000 makes it the ten million of
// the promise, which takes minutes; bench/ measures the whole process.
func TestMemoryIsBounded(t *testing.T) {
	n := 200000
	if text := os.Getenv("KEEPSTORE_TEST_KEYS"); text != "" {
		fmt.Sscan(text, &n)
	}
	e := &endless{n: n}
	im := newImporter(t, &e.bucket)
	im.Lister = e
	im.Describer = headAnything{}
	sink := &peakSink{}
	if err := im.Run(t.Context(), prefix("s3://data/p/"), creds.NewSecret("alice"), sink, io.Discard); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d keys, peak heap %d MiB", n, sink.peak>>20)
	if sink.done.Files != int64(n) || sink.peak > 32<<20 {
		t.Errorf("files %d, peak heap %d MiB", sink.done.Files, sink.peak>>20)
	}
}
