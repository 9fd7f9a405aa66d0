// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"log/slog"
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
	if word == "internal" || x.log.Enabled(x.r.Context(), slog.LevelDebug) {
		x.noteCause(err)
	}
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
	_ = json.NewEncoder(x.w).Encode(map[string][]string{"errors": {line}}) // the client may be gone
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

// noteCause puts the innermost cause into the log line: its text is safe to
// keep but not to show, since it may name internal hosts. An error without
// another cause has only the sentence for its reader, which names keys, and
// keys are confidential.
func (x *exchange) noteCause(err error) {
	cause := deepest(err)
	if _, ok := cause.(worded); !ok {
		x.note("cause", printable(cause.Error(), maxErrorText))
	}
}

func deepest(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok || u.Unwrap() == nil {
			return err
		}
		err = u.Unwrap()
	}
}
