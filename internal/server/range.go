// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// part is the part of a block that a client asked for.
type part struct {
	offset, size int64
	// asked says that a Range header was honoured.
	asked bool
}

func (p part) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", p.offset, p.offset+p.size-1, size)
}

// parseRange reads the Range header for a block of size > 0 bytes, by RFC 9110
// §14. One range of bytes is honoured. Another unit, or any If-Range (blocks
// have no validators here), gives the whole block, as the RFC says; a range
// that cannot be read or satisfied, or several ranges, give an error.
func parseRange(h http.Header, size int64) (part, error) {
	whole := part{size: size}
	values := h.Values("Range")
	if len(values) == 0 || h.Get("If-Range") != "" {
		return whole, nil
	}
	spec, ok := strings.CutPrefix(values[0], "bytes=")
	if !ok && strings.Contains(values[0], "=") && len(values) == 1 {
		return whole, nil
	}
	spec = strings.TrimSpace(spec)
	first, last, dash := strings.Cut(spec, "-")
	if !ok || len(values) > 1 || !dash || strings.Contains(spec, ",") {
		return whole, badRange("the Range header must ask for one range, such as bytes=0-499")
	}
	if first == "" {
		return suffixRange(last, size)
	}
	return plainRange(first, last, size)
}

// suffixRange is "-n": the last n bytes.
func suffixRange(text string, size int64) (part, error) {
	n, err := parseDigits(text)
	if err != nil || n == 0 {
		return part{}, badRange("the range bytes=-%.20s asks for no bytes", text)
	}
	n = min(n, size)
	return part{size - n, n, true}, nil
}

func plainRange(first, last string, size int64) (part, error) {
	from, err := parseDigits(first)
	to := size - 1
	if err == nil && last != "" {
		to, err = parseDigits(last)
	}
	switch {
	case err != nil || to < from && last != "":
		return part{}, badRange("the Range header cannot be read: expected bytes=<first>-<last>")
	case from >= size:
		return part{}, badRange("the range begins at byte %d and the block has %d bytes", from, size)
	}
	to = min(to, size-1)
	return part{from, to - from + 1, true}, nil
}

// parseDigits reads decimal digits only; a number too large for 63 bits is
// cut to the largest, which every block is shorter than.
func parseDigits(s string) (int64, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, nil
	}
	return n, nil
}

func badRange(format string, args ...any) error { return refuse("bad-range", format, args...) }
