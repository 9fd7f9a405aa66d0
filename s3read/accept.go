// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"fmt"
	"net/http"
	"strings"
)

// part is what all replies of one read must agree on.
type part struct {
	etag  string
	total int64
}

// acceptRange takes the reply to a range GET only if it is exactly what was
// asked for. first is nil, or what the first reply of this read said.
func (a *attempt) acceptRange(first *part) (part, error) {
	if a.reply.StatusCode != http.StatusPartialContent {
		return part{}, a.refuse()
	}
	if err := a.checkPin(); err != nil {
		return part{}, err
	}
	total, err := a.checkRange()
	if err != nil {
		return part{}, err
	}
	p := part{etag: unquoteETag(a.reply.Header.Get("Etag")), total: total}
	if first != nil && p != *first {
		return part{}, a.changed()
	}
	return p, nil
}

// checkPin checks that the reply is of the version (or ETag) asked for.
func (a *attempt) checkPin() error {
	header := a.reply.Header
	if strings.EqualFold(header.Get("X-Amz-Delete-Marker"), "true") {
		return a.bad("it says that the version is a delete marker")
	}
	if want := a.object.VersionID; want != "" {
		if got := header["X-Amz-Version-Id"]; len(got) != 1 || got[0] != want {
			return a.bad("its version is not the one asked for")
		}
	}
	if want := a.object.ETag; want != "" {
		if got := header["Etag"]; len(got) != 1 || unquoteETag(got[0]) != want {
			return a.bad("its ETag is not the one asked for")
		}
	}
	return nil
}

// checkRange checks Content-Range and Content-Length and returns the size of
// the object.
func (a *attempt) checkRange() (int64, error) {
	values := a.reply.Header["Content-Range"]
	if len(values) != 1 {
		return 0, a.bad(fmt.Sprintf("it has %d Content-Range headers in place of one", len(values)))
	}
	got, ok := parseContentRange(values[0])
	if !ok {
		return 0, a.bad("its Content-Range is malformed")
	}
	last := a.offset + a.size - 1
	if got.first == a.offset && got.last < last && got.last == got.total-1 {
		return 0, a.pastEnd(got.total)
	}
	if got.first != a.offset || got.last != last {
		return 0, a.bad("its Content-Range is not the range asked for")
	}
	if n := a.reply.ContentLength; n >= 0 && n != a.size {
		return 0, a.bad("its Content-Length is not the size asked for")
	}
	return got.total, nil
}

// bad is the error for a reply that broke a rule. It names the rule and never
// quotes the reply.
func (a *attempt) bad(why string) *Error {
	e := &Error{Kind: BadReply, Op: a.op, Object: a.object,
		Text: fmt.Sprintf("the reply of S3 endpoint %s for %s was not used: %s", quote(a.endpoint.Name), name(a.object), why)}
	if a.reply != nil {
		e.Status = a.reply.StatusCode
	}
	return e
}

func (a *attempt) changed() *Error {
	e := a.bad("the object changed while it was read")
	if a.object.ETag != "" {
		e.Kind = Changed
	}
	return e
}

func (a *attempt) pastEnd(total int64) *Error {
	return &Error{Kind: PastEnd, Op: a.op, Object: a.object, Status: a.reply.StatusCode,
		Text: pastEndText(a.object, a.offset, a.size, total)}
}

// unquoteETag removes the quotes of a strong ETag. Any other text stays as it
// is, and so fits no pin.
func unquoteETag(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}
