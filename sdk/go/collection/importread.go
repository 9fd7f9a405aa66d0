// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
)

// maxLine bounds a line of an import or of a journal, in bytes. That of the
// largest object of S3, 50 TB, has some 200 MB in content form.
const maxLine = 256 << 20

// lineReader reads lines of at most so many bytes: who sends one without an
// end must not fill the memory.
type lineReader struct {
	in   *bufio.Reader
	most int
	long []byte
}

// next returns a line with its end, which is good until the next call. The
// error is io.EOF where nothing is left, and io.ErrUnexpectedEOF next to what
// has no end.
func (r *lineReader) next() ([]byte, error) {
	r.long = r.long[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		if len(r.long)+len(part) > r.most {
			return nil, fault("keep-bad-reply", "a line has more than %d bytes: no import needs that", r.most)
		}
		if err == nil && len(r.long) == 0 {
			return part, nil // the usual, without a copy
		}
		r.long = append(r.long, part...)
		switch {
		case err == io.EOF && len(r.long) > 0:
			return r.long, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return r.long, err
		}
	}
}

// readLines hands the lines of an answer on, up to the last of them.
func readLines(answer io.Reader, most int, take func(line) (last bool, err error)) (line, error) {
	r := &lineReader{in: bufio.NewReaderSize(answer, 64<<10), most: most}
	for {
		text, err := r.next()
		if err != nil && (err != io.ErrUnexpectedEOF || !json.Valid(text)) {
			return line{}, brokenOff(err)
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return line{}, brokenOff(err)
		}
		if last, err := take(l); last || err != nil {
			return l, err
		}
	}
}
