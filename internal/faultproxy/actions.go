// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package faultproxy

import (
	"net/http"
	"time"
)

// Action changes a reply.
type Action func(*Reply)

// BeforeHeaders is the position before any byte of the reply.
const BeforeHeaders = -2

// Answer replaces the reply by a status and a body.
func Answer(status int, body string) Action {
	return func(r *Reply) { r.Status, r.Header, r.Body = status, make(http.Header), []byte(body) }
}

// Redirect replaces the reply by a redirect.
func Redirect(status int, to string) Action {
	return func(r *Reply) {
		Answer(status, "")(r)
		r.Header.Set("Location", to)
	}
}

// Status changes the status alone.
func Status(status int) Action { return func(r *Reply) { r.Status = status } }

// Body changes the body alone, and its length with it.
func Body(change func([]byte) []byte) Action {
	return func(r *Reply) {
		r.Body = change(r.Body)
		r.Header.Del("Content-Length")
	}
}

// Delay waits before the headers.
func Delay(d time.Duration) Action { return func(r *Reply) { r.delay = d } }

// StallAt sends n bytes of the body and then nothing.
func StallAt(n int) Action { return cut(n, stall) }

// CloseAt sends n bytes of the body and closes the connection.
func CloseAt(n int) Action { return cut(n, stop) }

// ResetAt sends n bytes of the body and resets the connection.
func ResetAt(n int) Action { return cut(n, reset) }

func cut(n int, f fault) Action {
	return func(r *Reply) { r.cutAt, r.fault = n, f }
}

// Trickle sends the body byte by byte with pauses.
func Trickle(pause time.Duration) Action { return func(r *Reply) { r.trickle = pause } }

// Frame sets how the end of the body is told.
func Frame(f Framing) Action { return func(r *Reply) { r.Framing = f } }

// Truncate drops the bytes of the body from n on, with a proper end.
func Truncate(n int) Action {
	return Body(func(b []byte) []byte { return b[:min(n, len(b))] })
}

// Append adds bytes to the body.
func Append(more string) Action {
	return Body(func(b []byte) []byte { return append(b, more...) })
}

// Corrupt flips the bits of byte n of the body.
func Corrupt(n int) Action {
	return func(r *Reply) {
		if n < len(r.Body) {
			r.Body[n] ^= 0xff
		}
	}
}

// SetHeader replaces a header.
func SetHeader(name, value string) Action { return func(r *Reply) { r.Header.Set(name, value) } }

// AddHeader adds a header to any of the same name.
func AddHeader(name, value string) Action { return func(r *Reply) { r.Header.Add(name, value) } }

// DropHeader removes a header.
func DropHeader(name string) Action { return func(r *Reply) { r.Header.Del(name) } }
