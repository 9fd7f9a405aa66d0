// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// Progress is how far an import is.
type Progress struct {
	// Listed is the number of keys seen; it is Files + Skipped.
	Listed  int64 `json:"listed"`
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
	Skipped int64 `json:"skipped"`
	// Archived and WeakPins count files that must be restored before they can
	// be read, and files that are pinned by their ETag only.
	Archived int64 `json:"archived"`
	WeakPins int64 `json:"weak_pins"`
	// BytesRead counts what content form had to read.
	BytesRead int64 `json:"bytes_read"`
	// Total is what Listed will be at the end, or 0 where nobody knows: a
	// prefix may hold any number of keys.
	Total int64 `json:"total,omitempty"`
	// At is the path of the file that came last. Those of a source come in the
	// order of their keys.
	At string `json:"-"`
	// Requests are those to S3.
	Requests Requests `json:"requests"`
}

// Skipped is a key, or a source, that was not imported.
type Skipped struct {
	URL string `json:"url"`
	// Reason is a word of docs/protocol.md.
	Reason string `json:"reason"`
	Text   string `json:"text"`
}

// line is one line of the answer to an import, of any type.
type line struct {
	Type         string           `json:"type"` // first, so that a journal is read fast
	*Progress                     // nil in file and skipped lines
	Path         string           `json:"path,omitempty"`
	URL          string           `json:"url,omitempty"`
	Size         int64            `json:"size,omitempty"`
	StorageClass string           `json:"storage_class,omitempty"`
	Owner        string           `json:"owner,omitempty"`
	OwnerName    string           `json:"owner_name,omitempty"`
	WeakPin      bool             `json:"weak_pin,omitempty"`
	Locator      string           `json:"locator,omitempty"`
	Archived     json.RawMessage  `json:"archived,omitempty"` // true of a file, a number of a progress line
	Reason       string           `json:"reason,omitempty"`
	Text         string           `json:"text,omitempty"`
	Error        string           `json:"error,omitempty"`
	Resume       string           `json:"resume,omitempty"`
	Status       string           `json:"status,omitempty"`
	PDH          string           `json:"portable_data_hash,omitempty"`
	SkippedBy    map[string]int64 `json:"skipped_by_reason,omitempty"`
	LockedUntil  *time.Time       `json:"locked_until,omitempty"`
	Lifecycle    []Lifecycle      `json:"lifecycle,omitempty"`
	ObjectLock   []ObjectLock     `json:"object_lock,omitempty"`
}

// importRequest is the body of POST /s3/import.
type importRequest struct {
	Sources []Source `json:"sources"`
	Form    string   `json:"form,omitempty"`
	Owners  bool     `json:"owners,omitempty"`
	Resume  string   `json:"resume,omitempty"`
}

// importStream sends imports and hands their lines on. When an answer breaks
// off it goes on where the server says that this is possible; lines after that
// point are never handed on twice.
type importStream struct {
	client  *Client
	request importRequest
	// lines takes file and skipped lines in order. Those given at once are
	// final.
	lines func([]line) error
	// progress may be nil.
	progress func(Progress)
	// journal may be nil.
	journal *journal
	// done is set when the journal knows that the request is complete.
	done *line

	pending []line
	at      string // path of the last file line
	// spoiled is set when lines were not taken: there is no going on behind
	// them.
	spoiled bool
}

// attempts is how often in a row an import may break off without having got
// any further.
const attempts = 5

// run returns the last line.
func (s *importStream) run(ctx context.Context) (done line, err error) {
	if s.done != nil {
		return *s.done, nil
	}
	for failed := 0; ; {
		before := s.request.Resume
		done, err = s.once(ctx)
		if err == nil || ctx.Err() != nil || !breaksOff(err) {
			return done, errors.Join(err, ctx.Err())
		}
		if failed++; s.request.Resume != before {
			failed = 1
		}
		if failed >= attempts {
			return done, &Error{Kind: NotComplete, Err: err,
				Text: "the import is not complete, and nothing of it was used: it broke off " + itoa(failed) + " times in a row: " + err.Error()}
		}
		select {
		case <-time.After(100 * time.Millisecond << failed):
		case <-ctx.Done():
			return done, ctx.Err()
		}
	}
}

// breaksOff reports whether trying again can help.
func breaksOff(err error) bool {
	switch KindOf(err) {
	case "s3-slow-down", "s3-unreachable", "s3-bad-reply", "deadline", "overloaded", "internal", "api-unavailable",
		"creds-unavailable", "clock-skew", "rules-changed", "volume-error", Kind(keep.Unreachable), NotComplete:
		return true
	}
	return false
}

// once reads one answer.
func (s *importStream) once(ctx context.Context) (line, error) {
	s.pending = s.pending[:0]
	body, err := json.Marshal(s.request)
	if err != nil {
		return line{}, err
	}
	answer, err := s.client.keep.Import(ctx, body)
	if err != nil {
		return line{}, err
	}
	defer answer.Close()
	last, err := readLines(answer, maxLine, func(l line) (bool, error) {
		if err := ctx.Err(); err != nil { // also where more was read already
			return false, err
		}
		return s.take(l)
	})
	if last.Type != "" { // to the end of the answer, or the server logs that we went away
		_, _ = io.CopyN(io.Discard, answer, 1<<10)
	}
	return last, err
}

func brokenOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault(NotComplete, "the answer to the import broke off before its last line")
	}
	if KindOf(err) != "" {
		return err
	}
	return &Error{Kind: NotComplete, Text: "the answer to the import cannot be read: " + clip(err.Error()), Err: err}
}

// take takes one line, and reports whether it is the last.
func (s *importStream) take(l line) (last bool, err error) {
	switch l.Type {
	case "file", "skipped":
		if s.pending = append(s.pending, l); l.Type == "file" {
			s.at = l.Path
		}
	case "progress":
		if s.progress != nil {
			s.progress(l.counts().at(s.at))
		}
		if l.Resume == "" {
			return false, nil
		}
		s.request.Resume = l.Resume
		return false, s.hand(l)
	case "done":
		return true, s.hand(l)
	case "error":
		return true, &Error{Kind: Kind(l.Error), Text: "the import broke off: " + clipSentence(l.Text)}
	}
	return false, nil
}

// hand hands on what is pending at a point.
func (s *importStream) hand(point line) error {
	kept := s.pending
	if s.journal != nil {
		kept = slices.Clone(kept) // as they came
	}
	err := s.lines(s.pending)
	if s.spoiled = err != nil; !s.spoiled {
		s.journal.point(kept, point)
	}
	s.pending = s.pending[:0]
	return err
}

func (p Progress) at(path string) Progress {
	p.At = path
	return p
}

func (l line) counts() Progress {
	p := Progress{}
	if l.Progress != nil {
		p = *l.Progress
	}
	_ = json.Unmarshal(l.Archived, &p.Archived) // a number in these lines
	return p
}

// run makes a run of the blocks of a file line.
func (l line) run(from *origin) (*run, error) {
	r := &run{origin: from}
	for text := range strings.FieldsSeq(l.Locator) {
		parsed, err := locator.Parse(text)
		if err != nil {
			return nil, err
		}
		if parsed.Size() > l.Size-r.size() {
			return nil, fault(BadManifest, "the import gave more blocks than the %d bytes of %s need", l.Size, clip(l.URL))
		}
		if parsed.Size() > 0 {
			r.blocks = append(r.blocks, block{text: text, end: r.size() + parsed.Size()})
		}
	}
	if r.size() != l.Size {
		return nil, fault(BadManifest, "the import gave %d bytes of blocks for the %d bytes of %s", r.size(), l.Size, clip(l.URL))
	}
	r.blocks = slices.Clip(r.blocks)
	return r, nil
}

// parsed returns the blocks for the portable data hash.
func (r *run) parsed() ([]locator.Locator, error) {
	all := make([]locator.Locator, 0, len(r.blocks))
	for _, b := range r.blocks {
		l, err := locator.Parse(b.text)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}
