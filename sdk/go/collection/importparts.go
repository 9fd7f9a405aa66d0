// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"

	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
	"github.com/arvados-s3/keepstore/sdk/go/collection/source"
)

// The rule by which an import is sent in several requests: the sources stay in
// order, and a part ends before the source with which it would have more than
// requestSources of them or more than requestBytes in JSON. A part has at least
// two sources, since a server deals with a single one otherwise: the last part
// takes one of the part before it for that.
//
// The limits are those of docs/protocol.md; of the 1 MiB some is left for a
// resume token.
const (
	requestSources = 10000
	requestBytes   = 1<<20 - 64<<10
)

// cutSources cuts sources by the rule; one part is the usual.
func cutSources(all []Source) [][]Source {
	var parts [][]Source
	begin, bytes := 0, 0
	for i, s := range all {
		text, _ := json.Marshal(s) // texts and times always marshal
		n := len(text) + 1
		if i > begin && (i-begin == requestSources || bytes+n > requestBytes) {
			parts, begin, bytes = append(parts, all[begin:i]), i, 0
		}
		bytes += n
	}
	if last := len(parts) - 1; last >= 0 && begin == len(all)-1 && len(parts[last]) > 2 {
		parts[last] = parts[last][:len(parts[last])-1]
		begin--
	}
	return append(parts, all[begin:])
}

// importParts is an import in several requests, which is to end as one request
// for all would. The server looks at each on its own, so what two of them have
// to do with each other is looked at here, by the same rules.
type importParts struct {
	im    *importing
	parts [][]Source
	// singles are the paths of all single objects, partOf tells in which part
	// each is.
	singles source.Singles
	partOf  map[string]int

	// at is the part that is sent now.
	at int
	// text and files are what the server sent of it.
	text  *manifest.Writer
	files int64
	// sum is what the parts before it had.
	sum line
	// left are files that the server sent, and that are left out here.
	left Progress
}

// split makes parts of an import that is more than one request may have.
func (u *Unfinished) split() (err error) {
	s := &u.stream
	if u.parts, err = newImportParts(u.importing, u.sources); err != nil || u.parts == nil {
		return err
	}
	s.request.Sources, s.lines = u.parts.parts[0], u.parts.lines
	if tell := s.progress; tell != nil {
		s.progress = func(now Progress) { tell(u.parts.told(now)) }
	}
	return nil
}

// newImportParts returns nil if one request is enough.
func newImportParts(im *importing, all []Source) (*importParts, error) {
	parts := cutSources(all)
	if len(parts) == 1 {
		return nil, nil
	}
	p := &importParts{im: im, parts: parts, partOf: map[string]int{}, text: manifest.NewWriter(io.Discard), sum: line{Progress: &Progress{}, SkippedBy: map[string]int64{}}}
	var places []source.Place
	for at, part := range parts {
		for _, s := range part {
			place, err := source.Parse(source.Name{URL: s.URL, Bucket: s.Bucket, Key: s.Key, Path: s.Path})
			if err != nil {
				return nil, refusedSources(fmt.Errorf("source %d: %w", len(places)+1, err))
			}
			if places = append(places, place); !place.Prefix {
				p.partOf[place.Path] = at
			}
		}
	}
	var err error
	if p.singles, err = source.Check(places); err != nil {
		return nil, refusedSources(err)
	}
	return p, nil
}

// refusedSources is the error that the server would give.
func refusedSources(err error) error {
	return &Error{Kind: "bad-request", Err: err, Text: "bad-request: " + clipSentence(err.Error())}
}

// run sends part after part, and returns a last line for all.
func (p *importParts) run(ctx context.Context, s *importStream) (line, error) {
	for p.at < len(p.parts) {
		s.request.Sources = p.parts[p.at]
		done, err := s.run(ctx)
		if err != nil {
			return done, p.where(err)
		}
		if err := p.end(done); err != nil {
			return done, err
		}
		s.request.Resume = ""
	}
	return p.total()
}

// where tells which sources an error is about that counts those of a request.
func (p *importParts) where(err error) error {
	if KindOf(err) != "bad-request" || p.at == 0 {
		return err
	}
	before := 0
	for _, part := range p.parts[:p.at] {
		before += len(part)
	}
	return &Error{Kind: "bad-request", Err: err, Text: fmt.Sprintf("%s (counted from source %d of all)", err, before+1)}
}

// lines takes lines of the present part that are final.
func (p *importParts) lines(all []line) error {
	for i, l := range all {
		if l.Type != "file" {
			continue
		}
		r, err := l.run(p.im.c.origin)
		if err != nil {
			return err
		}
		blocks, err := r.parsed()
		if err != nil {
			return err
		}
		if err := p.text.Add(l.Path, l.Size, blocks); err != nil {
			return err
		}
		if p.files++; p.clashes(l.Path) {
			all[i] = p.leaveOut(l)
		}
	}
	return p.im.lines(all)
}

// clashes reports whether a file was found under a prefix where a single
// object of another part goes. In one part the server sees to that.
func (p *importParts) clashes(path string) bool {
	if part, ok := p.partOf[path]; ok {
		return part != p.at
	}
	return p.singles.Meets(path)
}

func (p *importParts) leaveOut(l line) line {
	p.left.Files++
	p.left.Bytes += l.Size
	if string(l.Archived) == "true" {
		p.left.Archived++
	}
	if l.WeakPin {
		p.left.WeakPins++
	}
	return line{Type: "skipped", URL: l.URL, Reason: string(NameClash),
		Text: "this path, or a folder of it, is a file already: give one of them another path"}
}

// end takes the last line of a part.
func (p *importParts) end(done line) error {
	if err := p.text.Flush(); err != nil {
		return err
	}
	if err := complete(p.text.PDH(), p.files, done); err != nil {
		return err
	}
	*p.sum.Progress = p.sum.plus(done.counts())
	for reason, n := range done.SkippedBy {
		p.sum.SkippedBy[reason] += n
	}
	p.sum.addOutlook(done)
	p.at, p.text, p.files = p.at+1, manifest.NewWriter(io.Discard), 0
	return nil
}

// told completes the progress of the present part with that of the others.
func (p *importParts) told(now Progress) Progress {
	now = p.sum.plus(now)
	now.Files, now.Skipped = now.Files-p.left.Files, now.Skipped+p.left.Files
	now.Bytes, now.Archived, now.WeakPins = now.Bytes-p.left.Bytes, now.Archived-p.left.Archived, now.WeakPins-p.left.WeakPins
	return now
}

func (p Progress) plus(o Progress) Progress {
	p.Listed, p.Files, p.Bytes, p.Skipped = p.Listed+o.Listed, p.Files+o.Files, p.Bytes+o.Bytes, p.Skipped+o.Skipped
	p.Archived, p.WeakPins, p.BytesRead = p.Archived+o.Archived, p.WeakPins+o.WeakPins, p.BytesRead+o.BytesRead
	p.Requests.List, p.Requests.Head, p.Requests.Get = p.Requests.List+o.Requests.List, p.Requests.Head+o.Requests.Head, p.Requests.Get+o.Requests.Get
	p.At = o.At
	p.Requests.RequesterPays = p.Requests.RequesterPays || o.Requests.RequesterPays
	return p
}

// total is the last line that one request for all would have had.
func (p *importParts) total() (line, error) {
	if err := p.im.text.Flush(); err != nil {
		return line{}, err
	}
	counts := p.told(Progress{})
	all := line{Type: "done", Progress: &counts, SkippedBy: maps.Clone(p.sum.SkippedBy), PDH: p.im.text.PDH(),
		Lifecycle: p.sum.Lifecycle, ObjectLock: p.sum.ObjectLock}
	if p.left.Files > 0 {
		all.SkippedBy[string(NameClash)] += p.left.Files
	}
	all.Status = importStatus(all)
	return all, nil
}

// importStatus is the rule of docs/protocol.md.
func importStatus(all line) string {
	harmless := all.SkippedBy["excluded"] + all.SkippedBy["deleted"] + all.SkippedBy["folder-placeholder"]
	switch {
	case all.Files == 0:
		return "empty"
	case all.Skipped > harmless:
		return "partial"
	}
	return "complete"
}
