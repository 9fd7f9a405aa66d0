// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf8"
)

// errXML is what [scanner] says about text that it cannot read.
var errXML = errors.New("malformed XML")

// maxDepth is the deepest nesting of a listing that is read.
const maxDepth = 16

// scanner reads the XML of a listing: elements and their text, without
// attributes or document types. It works on a whole page in memory and copies
// nothing but text with entities, which makes it some twenty times faster
// than encoding/xml. Raw carriage returns and control characters stay as they
// are, since some servers put keys into listings that way.
type scanner struct {
	rest []byte
	// path holds the names of the open elements.
	path [maxDepth][]byte
	deep int
	// text is the text directly before the last tag.
	text []byte
	// own says that text was copied, so that more of it can be added in place.
	own bool
	// selfClosed makes the next call report the end of "<a/>".
	selfClosed bool
}

// tag is what next found.
type tag struct {
	name []byte
	end  bool
}

// next returns the next start or end tag. At the end of the document its name
// is nil.
func (s *scanner) next() (tag, error) {
	if s.selfClosed {
		s.selfClosed, s.text = false, nil
		return s.pop()
	}
	s.text, s.own = nil, false
	for {
		i := bytes.IndexByte(s.rest, '<')
		if i < 0 {
			if s.deep != 0 {
				return tag{}, errXML
			}
			return tag{}, nil
		}
		if err := s.addText(s.rest[:i]); err != nil {
			return tag{}, err
		}
		s.rest = s.rest[i:]
		skipped, err := s.skip()
		if err != nil {
			return tag{}, err
		}
		if !skipped {
			return s.element()
		}
	}
}

// skip passes over a declaration or comment, and takes CDATA as text.
func (s *scanner) skip() (bool, error) {
	if len(s.rest) > 1 && s.rest[1] != '!' && s.rest[1] != '?' {
		return false, nil
	}
	const cdata = "<![CDATA["
	if len(s.rest) < 2 {
		return false, errXML
	}
	for _, form := range [][2]string{{"<?", "?>"}, {"<!--", "-->"}, {cdata, "]]>"}} {
		if !bytes.HasPrefix(s.rest, []byte(form[0])) {
			continue
		}
		body, rest, ok := bytes.Cut(s.rest[len(form[0]):], []byte(form[1]))
		if !ok {
			return false, errXML
		}
		if form[0] == cdata {
			s.text = append(s.copied(), body...)
		}
		s.rest = rest
		return true, nil
	}
	return false, errXML
}

// element reads the tag at the start of rest.
func (s *scanner) element() (tag, error) {
	end := tagEnd(s.rest)
	if end < 0 {
		return tag{}, errXML
	}
	body := s.rest[1:end]
	s.rest = s.rest[end+1:]
	if len(body) > 0 && body[0] == '/' {
		if s.deep == 0 || !bytes.Equal(localName(body[1:]), s.path[s.deep-1]) {
			return tag{}, errXML
		}
		return s.pop()
	}
	if n := len(body); n > 0 && body[n-1] == '/' {
		s.selfClosed, body = true, body[:n-1]
	}
	name := localName(body)
	if len(name) == 0 || s.deep == maxDepth {
		return tag{}, errXML
	}
	s.path[s.deep] = name
	s.deep++
	return tag{name: name}, nil
}

func (s *scanner) pop() (tag, error) {
	s.deep--
	return tag{name: s.path[s.deep], end: true}, nil
}

// tagEnd finds the '>' of a tag, past any in quoted attributes.
func tagEnd(b []byte) int {
	end := bytes.IndexByte(b, '>')
	if end < 0 || bytes.IndexByte(b[:end], '"') < 0 && bytes.IndexByte(b[:end], '\'') < 0 {
		return end
	}
	quote := byte(0)
	for i, c := range b {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i
		}
	}
	return -1
}

// localName cuts attributes and the namespace prefix off.
func localName(b []byte) []byte {
	start := 0
	for i, c := range b {
		switch c {
		case ':':
			start = i + 1
		case ' ', '\t', '\r', '\n':
			return b[start:i]
		}
	}
	return b[start:]
}

// addText appends raw text, with its entities resolved.
func (s *scanner) addText(raw []byte) error {
	amp := bytes.IndexByte(raw, '&')
	if amp < 0 && len(s.text) == 0 {
		s.text = raw
		return nil
	}
	out := s.copied()
	for ; amp >= 0; amp = bytes.IndexByte(raw, '&') {
		semicolon := bytes.IndexByte(raw[amp:], ';')
		if semicolon < 0 {
			return errXML
		}
		r, ok := entity(string(raw[amp+1 : amp+semicolon]))
		if !ok {
			return errXML
		}
		out = utf8.AppendRune(append(out, raw[:amp]...), r)
		raw = raw[amp+semicolon+1:]
	}
	s.text = append(out, raw...)
	return nil
}

// copied returns text as a copy, of which there is one at most for each tag.
func (s *scanner) copied() []byte {
	if !s.own {
		s.text, s.own = bytes.Clone(s.text), true
	}
	return s.text
}

// entity resolves the five named entities and character references.
func entity(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	return rune(n), err == nil && n != 0 && utf8.ValidRune(rune(n))
}
