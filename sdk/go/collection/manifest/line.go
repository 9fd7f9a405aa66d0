// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// Line is one line of a manifest, cut into its parts and not yet read
// further. It shares the memory of the text.
type Line struct {
	// Number counts from 1.
	Number int
	// Stream is the name of the stream as written.
	Stream string
	blocks string
	files  string
}

// Segment is one file token: Size bytes, from Position in the blocks of its
// line, belong to the file Name of the stream.
type Segment struct {
	Position, Size int64
	// Name is the name as written: [Unescape] gives what it means.
	Name string
}

// Lines yields the lines of manifest text. It ends after the first error,
// which says in which line it is.
func Lines(text string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for number := 1; text != ""; number++ {
			one, rest, ok := strings.Cut(text, "\n")
			if !ok {
				yield(Line{}, inLine(number, fault(BadManifest, "it has no line feed at its end, so the text may be cut short")))
				return
			}
			l, err := cutLine(one)
			if l.Number = number; err != nil {
				err = inLine(number, err)
			}
			if !yield(l, err) || err != nil {
				return
			}
			text = rest
		}
	}
}

func inLine(number int, err error) error {
	return &Error{Kind: BadManifest, Text: "line " + strconv.Itoa(number) + " of the manifest: " + err.Error(), Err: err}
}

// cutLine finds where the files begin: the first token with a colon.
func cutLine(text string) (Line, error) {
	name, rest, _ := strings.Cut(text, " ")
	if name != "." && !strings.HasPrefix(name, "./") {
		return Line{}, fault(BadManifest, "a stream name is \".\" or begins with \"./\", not %q", clip(name))
	}
	colon := strings.IndexByte(rest, ':')
	start := strings.LastIndexByte(rest[:max(colon, 0)], ' ')
	if start < 0 {
		return Line{}, fault(BadManifest, "a stream needs at least one block and one file")
	}
	return Line{Stream: name, blocks: rest[:start], files: rest[start+1:]}, nil
}

// Blocks yields the locators of the line. It ends after the first error.
func (l Line) Blocks() iter.Seq2[locator.Locator, error] {
	return func(yield func(locator.Locator, error) bool) {
		for token := range strings.SplitSeq(l.blocks, " ") {
			block, err := locator.Parse(token)
			if !yield(block, err) || err != nil {
				return
			}
		}
	}
}

// Tokens yields the locators of the line as they are written, unchecked.
func (l Line) Tokens() iter.Seq[string] { return strings.SplitSeq(l.blocks, " ") }

// Files yields the file tokens of the line. It ends after the first error.
func (l Line) Files() iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		for token := range strings.SplitSeq(l.files, " ") {
			s, err := parseSegment(token)
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

func parseSegment(token string) (Segment, error) {
	position, rest, _ := strings.Cut(token, ":")
	size, name, _ := strings.Cut(rest, ":")
	p, okP := parseNumber(position)
	n, okN := parseNumber(size)
	if !okP || !okN || name == "" || p > math.MaxInt64-n {
		return Segment{}, fault(BadManifest, "expected position:length:name, not %.32q", token)
	}
	return Segment{Position: p, Size: n, Name: name}, nil
}

// parseNumber reads decimal digits; zeros before them are legal in Arvados.
func parseNumber(s string) (int64, bool) {
	if s == "" || s[0] == '+' || s[0] == '-' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
