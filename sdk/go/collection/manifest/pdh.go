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
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// PDH returns the portable data hash of manifest text: the MD5 of the text
// with each locator reduced to identity+size, a plus sign, and the length of
// that reduced text.
func PDH(text string) (string, error) {
	s := newSum()
	for number := 1; text != ""; number++ {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return "", fault(BadManifest, "line %d of the manifest has no line feed at its end: the text may be cut short", number)
		}
		reduced, err := reduceLine(line)
		if err != nil {
			return "", &Error{Kind: BadManifest, Text: "line " + strconv.Itoa(number) + " of the manifest: " + err.Error(), Err: err}
		}
		s.add(reduced)
		text = rest
	}
	return s.pdh(), nil
}

// reduceLine returns the line, with its line feed, as the hash counts it.
func reduceLine(line string) ([]byte, error) {
	name, rest, _ := strings.Cut(line, " ")
	if name != "." && !strings.HasPrefix(name, "./") {
		return nil, fault(BadManifest, "a stream name is \".\" or begins with \"./\", not %q", clip(name))
	}
	out := append(make([]byte, 0, len(line)+1), name...)
	blocks, files := 0, 0
	for token := range strings.SplitSeq(rest, " ") {
		if files > 0 || strings.Contains(token, ":") {
			if !isFile(token) {
				return nil, fault(BadManifest, "expected position:length:name, not %.32q", token)
			}
			files++
		} else {
			l, err := locator.Parse(token)
			if err != nil {
				return nil, err
			}
			token = l.Reduced()
			blocks++
		}
		out = append(append(out, ' '), token...)
	}
	if blocks == 0 || files == 0 {
		return nil, fault(BadManifest, "a stream needs at least one block and one file")
	}
	return append(out, '\n'), nil
}

func isFile(token string) bool {
	position, rest, _ := strings.Cut(token, ":")
	length, name, _ := strings.Cut(rest, ":")
	return isNumber(position) && isNumber(length) && name != ""
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

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
