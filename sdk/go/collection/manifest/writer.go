// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// Where lines are cut. Lines must not depend on how locators are spelled, so
// these count things and not bytes: equal imports then give equal portable
// data hashes.
const (
	// MaxFilesPerLine is the number of files after which a line ends.
	MaxFilesPerLine = 1000
	// MaxBlocksPerLine is the number of blocks after which no further file
	// is put on the line. A single larger file still stands on one line.
	MaxBlocksPerLine = 10000
)

// Writer writes a manifest in bounded memory. Files are written in the order
// given; consecutive files of one directory form one line (stream), cut after
// [MaxFilesPerLine] files or [MaxBlocksPerLine] blocks. Each line goes to the
// underlying writer in one Write. A Writer must not be used after an error
// from that writer, and not by several goroutines at once.
//
// Add does not look for paths that were added before: a manifest in which a
// path occurs twice means the two contents joined.
type Writer struct {
	w   io.Writer
	sum sum

	// The line not yet written; stream is "" when there is none.
	stream   string
	blocks   []byte // " locator" for each
	reduced  []byte // the same as counted by the hash
	files    []byte // " position:length:name" for each
	position int64
	nblocks  int
	nfiles   int
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w, sum: newSum()} }

// Add adds one file, such as "a/b c.txt", that consists of the given blocks
// in order. The sizes of the blocks must add up to size; blocks of no bytes
// are left out. After an [*Error] the Writer is as it was before.
func (w *Writer) Add(path string, size int64, locators []locator.Locator) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if err := checkSizes(path, size, locators); err != nil {
		return err
	}
	if w.Starts(path) || w.position > math.MaxInt64-size {
		if err := w.Flush(); err != nil {
			return err
		}
	}
	stream, name := split(path)
	w.stream = stream
	w.addBlocks(locators)
	w.addFile(size, name)
	if w.nfiles >= MaxFilesPerLine || w.nblocks >= MaxBlocksPerLine {
		return w.Flush()
	}
	return nil
}

// Starts reports whether a file at path would begin a new line. To save the
// state in the middle of a manifest, call Flush when Starts is true: it then
// changes nothing in the text, as Add would end the line anyway.
func (w *Writer) Starts(path string) bool {
	stream, _ := split(path)
	return stream != w.stream
}

// split returns the stream that holds path, and the name in it.
func split(path string) (stream, name string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return "./" + path[:i], path[i+1:]
	}
	return ".", path
}

func checkSizes(path string, size int64, locators []locator.Locator) error {
	if size < 0 {
		return fault(BadFile, "the file %q has the negative size %d", clip(path), size)
	}
	left := size
	for _, l := range locators {
		if l.IsZero() || l.Size() > left {
			return fault(BadFile, "the blocks of the file %q hold more than its %d bytes, or one is no block", clip(path), size)
		}
		left -= l.Size()
	}
	if left != 0 {
		return fault(BadFile, "the blocks of the file %q hold %d bytes less than its %d", clip(path), left, size)
	}
	return nil
}

func (w *Writer) addBlocks(locators []locator.Locator) {
	for _, l := range locators {
		if l.Size() == 0 {
			continue
		}
		w.blocks = append(append(w.blocks, ' '), l.String()...)
		w.reduced = append(append(w.reduced, ' '), l.Reduced()...)
		w.nblocks++
	}
}

func (w *Writer) addFile(size int64, name string) {
	w.files = append(w.files, ' ')
	w.files = strconv.AppendInt(w.files, w.position, 10)
	w.files = append(w.files, ':')
	w.files = strconv.AppendInt(w.files, size, 10)
	w.files = append(w.files, ':')
	w.files = append(w.files, Escape(name)...)
	w.position += size
	w.nfiles++
}

// Flush ends the last line. Call it after the last Add; more files may follow
// and begin a new line.
func (w *Writer) Flush() error {
	if w.AtLineStart() {
		return nil
	}
	if w.nblocks == 0 {
		w.blocks = append(w.blocks, " "+locator.Empty...)
		w.reduced = append(w.reduced, " "+locator.Empty...)
	}
	stream := Escape(w.stream)
	if _, err := w.w.Write(line(stream, w.blocks, w.files)); err != nil {
		return err
	}
	w.sum.add(line(stream, w.reduced, w.files))
	w.stream, w.position, w.nblocks, w.nfiles = "", 0, 0, 0
	w.blocks, w.reduced, w.files = w.blocks[:0], w.reduced[:0], w.files[:0]
	return nil
}

func line(stream string, blocks, files []byte) []byte {
	out := make([]byte, 0, len(stream)+len(blocks)+len(files)+1)
	out = append(out, stream...)
	out = append(out, blocks...)
	out = append(out, files...)
	return append(out, '\n')
}

// PDH returns the portable data hash of the text written so far, that is, up
// to the last end of a line.
func (w *Writer) PDH() string { return w.sum.pdh() }

// AtLineStart reports whether all files added are written, so that the state
// can be saved.
func (w *Writer) AtLineStart() bool { return w.stream == "" }

// MarshalBinary returns the state of the portable data hash, from which
// another Writer can go on after [Writer.UnmarshalBinary]. It fails in the
// middle of a line.
func (w *Writer) MarshalBinary() ([]byte, error) {
	if !w.AtLineStart() {
		return nil, fault(BadState, "the state of a manifest can be saved only between lines: call Flush first")
	}
	return w.sum.marshal()
}

// UnmarshalBinary restores a state saved by MarshalBinary into a Writer to
// which nothing was added. The state is trusted: authenticate it when it comes
// from outside.
func (w *Writer) UnmarshalBinary(data []byte) error {
	if !w.AtLineStart() || w.sum.length != 0 {
		return fault(BadState, "a state can be restored only into a new Writer")
	}
	return w.sum.unmarshal(data)
}
