// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"unicode"
)

// maxErrorText bounds an error body. Go's Keep client shows 4 KiB of it.
const maxErrorText = 1024

// fail sends an error. When bytes of the answer have gone out already it cuts
// the connection, so that a client never takes part of an answer for all.
func (x *exchange) fail(err error) {
	word, text := explain(err)
	x.note("error", word)
	if x.r.Context().Err() != nil && word != tooSlow { // our own read limit ends the context too
		word = "canceled"
	}
	x.noteCause(err)
	if x.w.status != 0 {
		x.note("aborted", true)
		panic(http.ErrAbortHandler)
	}
	a, ok := answers()[word]
	if !ok {
		a = answer{http.StatusServiceUnavailable, true}
	}
	h := x.w.Header()
	h.Del("Content-Length")
	if a.retry {
		h.Set("Retry-After", "1")
	}
	if a.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	// A HEAD reply has no body, so the word also stands in a header.
	h.Set("X-Keep-Error", word)
	x.sendError(a.status, printable(word+": "+text, maxErrorText-len(x.id)-8)+" [req "+x.id+"]")
}

func (x *exchange) sendError(status int, line string) {
	if !x.wantsJSON() {
		x.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		x.w.WriteHeader(status)
		_, _ = x.w.Write([]byte(line + "\n")) // the client may be gone
		return
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(status)
	encoder := json.NewEncoder(x.w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(map[string][]string{"errors": {line}}) // the client may be gone
}

func (x *exchange) sendJSON(v any) error {
	x.w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(x.w).Encode(v)
}

// printable makes one line of at most n bytes without control characters:
// keys are other people's text.
func printable(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len("…")], "") + "…"
}

// noteCause puts what is behind an error into the log line, for the operator:
// it may name hosts, and is not shown. An error without another cause has only
// the sentence for its reader, which names keys, and keys are confidential.
func (x *exchange) noteCause(err error) {
	if w := worded(nil); errors.As(err, &w) {
		err = w // passes errors that were joined to it
	}
	cause := deepest(err)
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		cause = op // names the address
	}
	if _, ok := cause.(worded); !ok {
		x.note("cause", printable(cause.Error(), maxErrorText))
	}
}

func deepest(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
