// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"strconv"
	"strings"
)

// contentRange is a parsed Content-Range header: bytes first to last of an
// object of total bytes.
type contentRange struct{ first, last, total int64 }

// parseContentRange reads exactly "bytes <first>-<last>/<total>".
// https://www.rfc-editor.org/rfc/rfc9110#section-14.4
func parseContentRange(s string) (contentRange, bool) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	if !ok {
		return contentRange{}, false
	}
	span, total, ok := strings.Cut(rest, "/")
	if !ok {
		return contentRange{}, false
	}
	first, last, ok := strings.Cut(span, "-")
	if !ok {
		return contentRange{}, false
	}
	r := contentRange{decimal(first), decimal(last), decimal(total)}
	if r.first < 0 || r.last < r.first || r.total <= r.last {
		return contentRange{}, false
	}
	return r, true
}

// parseUnsatisfied reads the total of "bytes */<total>", or returns -1.
func parseUnsatisfied(s string) int64 {
	total, ok := strings.CutPrefix(s, "bytes */")
	if !ok {
		return -1
	}
	return decimal(total)
}

// decimal reads digits only, without leading zeros, or returns -1.
func decimal(s string) int64 {
	if s == "" || s[0] < '0' || s[0] > '9' || len(s) > 1 && s[0] == '0' {
		return -1
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
