// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"io"
	"slices"

	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// newImport makes ready to import what a request asks for, which may take
// several.
func (c *Collection) newImport(request importRequest, o ImportOptions) (*Unfinished, error) {
	im := &importing{c: c, o: o, root: &folder{}, text: manifest.NewWriter(io.Discard),
		result: &ImportResult{Classes: map[string]int64{}}}
	u := &Unfinished{importing: im, sources: request.Sources,
		stream: importStream{client: c.client, request: request, lines: im.lines, progress: im.progress(request.Sources)}}
	return u, u.split()
}

// open takes in what a journal has.
func (u *Unfinished) open(o *Journal) (err error) {
	s := &u.stream
	whole := s.request
	whole.Sources = u.sources
	s.journal, s.request.Resume, err = s.client.openJournal(o, whole, s.lines, func(done line) error {
		if u.parts != nil {
			return u.parts.end(done)
		}
		s.done = &done
		return nil
	})
	return err
}

// progress completes what is told of the progress, or is nil.
func (im *importing) progress(sources []Source) func(Progress) {
	if im.o.Progress == nil {
		return nil
	}
	total := int64(len(sources))
	if slices.ContainsFunc(sources, Source.isPrefix) {
		total = 0
	}
	return func(p Progress) {
		p.Total = total
		im.o.Progress(p)
	}
}
