// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
)

// maxReply bounds the texts in one reply, as MaxIndexDatabaseRead does in
// Arvados. A single larger one is given whole.
const maxReply = 128 << 20

// allowOrigins lets pages of any origin ask. No cookies are used: whoever
// has the token may come from anywhere.
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Http-Method-Override")
	h.Set("Access-Control-Max-Age", "86400")
}

func (s *Server) writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.options.Log.Error("a reply cannot be encoded", slog.Any("error", err))
		status, body = http.StatusServiceUnavailable, []byte(`{"errors":["the reply cannot be encoded"]}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body) // a client that left is no failure of ours
	w.Write([]byte{'\n'})
}

func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := &Error{Kind: Unavailable, Text: "the API server failed: see its log", Err: err}
	errors.As(err, &e)
	if e.Kind == Unavailable && r.Context().Err() == nil {
		s.options.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", e.Err)
	}
	s.writeJSON(w, status(e.Kind), object{"errors": []string{e.Text}})
}

func decodeStrictly(text []byte, into any) error {
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &Error{Kind: Invalid, Text: "the attributes of the new object have an unknown name or a value of the wrong type", Err: err}
	}
	return nil
}

func bodyError(err error) error {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return fail(TooLarge, "the body of a request must not be longer than %d bytes", tooLong.Limit)
	}
	return &Error{Kind: Invalid, Text: "the body of the request did not arrive whole", Err: err}
}
