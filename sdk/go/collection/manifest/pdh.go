// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"crypto/md5"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strconv"
)

// PDH returns the portable data hash of manifest text: the MD5 of the text
// with each locator reduced to identity+size, a plus sign, and the length of
// that reduced text.
func PDH(text string) (string, error) {
	s := newSum()
	var reduced []byte
	for line, err := range Lines(text) {
		if err != nil {
			return "", err
		}
		if reduced, err = reduceLine(reduced[:0], line); err != nil {
			return "", inLine(line.Number, err)
		}
		s.add(reduced)
	}
	return s.pdh(), nil
}

// reduceLine appends the line, with its line feed, as the hash counts it.
func reduceLine(out []byte, l Line) ([]byte, error) {
	out = append(out, l.Stream...)
	for block, err := range l.Blocks() {
		if err != nil {
			return nil, err
		}
		out = append(append(out, ' '), block.Reduced()...)
	}
	for _, err := range l.Files() {
		if err != nil {
			return nil, err
		}
	}
	return append(append(append(out, ' '), l.files...), '\n'), nil
}

// sum is the state of a portable data hash.
type sum struct {
	md5    hash.Hash
	length int64
}

func newSum() sum { return sum{md5: md5.New()} }

func (s *sum) add(reduced []byte) {
	s.md5.Write(reduced) // never fails
	s.length += int64(len(reduced))
}

func (s *sum) pdh() string {
	return hex.EncodeToString(s.md5.Sum(nil)) + "+" + strconv.FormatInt(s.length, 10)
}

// stateLabel names the format of a saved state.
const stateLabel = "manifest-v1\n"

func (s *sum) marshal() ([]byte, error) {
	state, err := s.md5.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil, err
	}
	out := binary.BigEndian.AppendUint64([]byte(stateLabel), uint64(s.length))
	return append(out, state...), nil
}

func (s *sum) unmarshal(data []byte) error {
	rest, ok := bytes.CutPrefix(data, []byte(stateLabel))
	if !ok || len(rest) < 8 {
		return fault(BadState, "the saved state of a manifest is from another version or damaged: start again")
	}
	fresh := sum{md5: md5.New(), length: int64(binary.BigEndian.Uint64(rest))}
	if err := fresh.md5.(encoding.BinaryUnmarshaler).UnmarshalBinary(rest[8:]); err != nil || fresh.length < 0 {
		return &Error{Kind: BadState, Text: "the saved state of a manifest is damaged: start again", Err: err}
	}
	*s = fresh
	return nil
}
