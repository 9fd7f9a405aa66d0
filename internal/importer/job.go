// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// A progress line with a resume token is due after this long, or so many keys:
// 2 % of those so far, since as much may have to be listed again, within bounds.
const (
	progressTime    = time.Second
	fewProgressKeys = 200
	progressKeys    = 10000
	progressShare   = 50
)

// job is one run of an import.
type job struct {
	*Importer
	*plan
	caller creds.Caller
	token  creds.Secret
	sink   *pulse
	text   *manifest.Writer

	state state
	// mark is the last resume token.
	mark string
	// marked is the number of keys at the last resume token, at markedAt. The
	// lines of the pulse do not count: where S3 is slow there would be nothing
	// else.
	marked   int64
	markedAt time.Time
	// adrift says that the last key was not listed exactly. What follows it
	// cannot be told from its text, so the import cannot be resumed there.
	adrift bool
	access map[*creds.Rule]*grant
	// hidden are the rules of whose keys the caller was told, without names.
	hidden  map[*creds.Rule]bool
	answers answers
	hashes  *hashes
	// tally counts the requests to S3 of this run, and before holds those of
	// the runs before.
	tally  s3read.Tally
	before Requests
}

// state is what a resume token carries.
type state struct {
	Source    int              `json:"source"`
	After     string           `json:"after"`
	Counts    Counts           `json:"counts"`
	SkippedBy map[string]int64 `json:"skipped_by"`
	Clashes   clashes          `json:"clashes,omitempty"`
	Requests  Requests         `json:"requests"`
	Manifest  []byte           `json:"manifest"`
}

func (im *Importer) newJob(p *plan, resume string, caller creds.Caller, token creds.Secret, sink Sink, text io.Writer) (*job, error) {
	j := &job{
		Importer: im, plan: p, caller: caller, token: token, sink: &pulse{sink: sink, last: time.Now()},
		text: manifest.NewWriter(text), markedAt: im.now(),
		state:   state{SkippedBy: map[string]int64{}},
		access:  map[*creds.Rule]*grant{},
		hidden:  map[*creds.Rule]bool{},
		answers: answers{pending: map[int]chan answer{}}, hashes: newHashes(),
	}
	j.sink.read = j.hashes.read.Load
	if resume == "" {
		return j, nil
	}
	if err := j.restore(resume); err != nil {
		return nil, err
	}
	j.mark, j.marked = resume, j.state.Counts.Listed
	j.before = j.state.Requests
	j.sink.note(j.progress())
	return j, j.text.UnmarshalBinary(j.state.Manifest)
}

// run imports source after source. A source that S3 or the access rules
// refuse as a whole is skipped with a line, unless it is the only one.
func (j *job) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(j.tally.Context(ctx))
	defer j.hashes.running.Wait()
	defer j.answers.running.Wait()
	defer cancel()
	defer j.beat(cancel)()
	for ; j.state.Source < len(j.targets); j.state.Source++ {
		t := &j.targets[j.state.Source]
		before := j.state.Counts.Listed
		err := j.importTarget(ctx, t)
		if err != nil && len(j.targets) > 1 && j.state.Counts.Listed == before && isFinal(err) && j.goesOn(ctx) {
			j.state.Counts.Listed++
			err = j.skip(t.object, wordOf(err), err.Error())
		}
		if err != nil {
			return j.fail(err)
		}
		j.sink.note(j.progress())
		j.state.After, j.state.Clashes, j.adrift = "", nil, false
	}
	return j.finish(ctx)
}

// beat starts the pulse and returns how to stop it.
func (j *job) beat(cancel func()) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { j.sink.run(done, cancel) })
	return func() {
		close(done)
		running.Wait()
	}
}

// goesOn reports whether an error concerned a source only: there is still a
// client, and it may still import.
func (j *job) goesOn(ctx context.Context) bool {
	_, err := j.Importer.caller(ctx, j.token)
	return ctx.Err() == nil && err == nil
}

func (j *job) importTarget(ctx context.Context, t *target) error {
	if t.prefix {
		return j.importPrefix(ctx, t)
	}
	return j.importObject(ctx, t)
}

// fail ends an import that has sent lines with an error line.
func (j *job) fail(err error) error {
	if j.state.Counts.Listed == 0 && j.sink.silent() {
		return err
	}
	line := Failed{Type: "error", Error: wordOf(err), Text: textOf(err), Resume: j.mark}
	return errors.Join(err, j.sink.Line(line))
}

func (j *job) finish(ctx context.Context) error {
	if err := j.text.Flush(); err != nil {
		return err
	}
	done := Done{Type: "done", Counts: j.state.Counts, SkippedBy: j.state.SkippedBy, Status: j.status(), PDH: j.text.PDH()}
	done.Lifecycle, done.ObjectLock = j.outlooks(ctx)
	done.Requests = j.requests()
	return j.sink.Line(done)
}

// requests returns how many requests to S3 there were.
func (j *job) requests() Requests {
	list, head, get := j.tally.Counts()
	all := j.before
	all.List, all.Head, all.Get = all.List+list, all.Head+head, all.Get+get
	for _, g := range j.access {
		all.RequesterPays = all.RequesterPays || g.RequesterPays
	}
	return all
}

// status tells whether data was left out. What the caller excluded, what is
// deleted, and marks of folders are no data that is missing. An import of
// nothing is neither: a filter with a slip of the pen should not look well.
func (j *job) status() string {
	if j.state.Counts.Files == 0 {
		return "empty"
	}
	harmless := j.state.SkippedBy[reasonExcluded] + j.state.SkippedBy[reasonDeleted] + j.state.SkippedBy[reasonPlaceholder]
	if j.state.Counts.Skipped > harmless {
		return "partial"
	}
	return "complete"
}

// skip counts a key that is left out and tells why.
func (j *job) skip(o locator.Object, reason, text string) error {
	j.state.Counts.Skipped++
	j.state.SkippedBy[reason]++
	if reason == reasonExcluded {
		return nil
	}
	return j.sink.Line(Skipped{Type: "skipped", URL: o.URL(), Reason: reason, Text: text})
}

// boundary is called between two lines of the manifest. There an import can
// be resumed, so a progress line sent here carries a token.
func (j *job) boundary() error {
	keys, since := j.state.Counts.Listed-j.marked, j.now().Sub(j.markedAt)
	due := min(max(j.state.Counts.Listed/progressShare, fewProgressKeys), progressKeys)
	if keys == 0 || keys < due && since < progressTime || j.adrift || !j.text.AtLineStart() {
		return nil
	}
	token, err := j.seal()
	if err != nil {
		return err
	}
	j.mark, j.marked, j.markedAt = token, j.state.Counts.Listed, j.now()
	line := j.progress()
	line.Resume = token
	return j.sink.Line(line)
}

// progress is how far the job is.
func (j *job) progress() Progress {
	return Progress{Type: "progress", Counts: j.state.Counts, Requests: j.requests(), BytesRead: j.hashes.read.Load()}
}

// isFinal reports whether trying again would give the same answer.
func isFinal(err error) bool {
	switch wordOf(err) {
	case "s3-slow-down", "s3-unreachable", "s3-bad-reply", "deadline", "overloaded", "api-unavailable", "creds-unavailable", "clock-skew", "canceled", "internal", string(RulesChanged):
		return false
	}
	return true
}

func wordOf(err error) string {
	var w worded
	if errors.As(err, &w) {
		return w.Word()
	}
	return "internal"
}

func textOf(err error) string {
	var w worded
	if errors.As(err, &w) {
		return w.Error()
	}
	return "the import broke off because of a fault of the server; its log says more"
}
