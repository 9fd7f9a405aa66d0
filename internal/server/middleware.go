// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// ServeHTTP answers one request: it gives it an id, waits for a place, runs
// the handler, and logs one line.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, handle := route(r)
	state := s.state.Load()
	x := &exchange{Server: s, State: state, w: newRecorder(w, state.Total), r: r, route: name, id: requestID(r)}
	begin := time.Now()
	s.metrics.active.Inc()
	defer s.metrics.active.Dec()
	defer func() { x.finish(begin, recover()) }()
	defer x.limitBody()
	x.commonHeaders()
	if err := x.run(handle); err != nil {
		x.fail(err)
	}
}

// run calls the handler when there is a place. Health and metrics never wait,
// so that an operator can look at a server that is full; nor do the documents
// of the issuer, which are ready, and which S3 needs to let readers in.
func (x *exchange) run(handle handler) error {
	switch x.route {
	case "health", "metrics", "preflight", "issuer":
		return handle(x)
	}
	leave, err := x.gate.enter(x.r.Context(), userOf(x.r), x.route == "put")
	if err != nil {
		return err
	}
	defer leave()
	return handle(x)
}

// limitBody makes a client that never sends the body it announced let go of
// the connection, on which net/http waits for it after the answer.
func (x *exchange) limitBody() {
	if x.r.ContentLength != 0 {
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(maxRest)) // best effort
	}
}

// maxRest is how long the rest of an unread body may take.
const maxRest = 5 * time.Second

func (x *exchange) commonHeaders() {
	h := x.w.Header()
	h.Set("X-Request-Id", x.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
	x.cors()
}

// finish logs the request. A panic becomes an error answer for this request
// alone; http.ErrAbortHandler is our own way to cut a connection.
func (x *exchange) finish(begin time.Time, fault any) {
	aborted, _ := fault.(error)
	if fault != nil && !errors.Is(aborted, http.ErrAbortHandler) {
		x.metrics.panics.Inc()
		x.log.Error("panic", "req", x.id, "route", x.route, "type", fmt.Sprintf("%T", fault), "stack", string(debug.Stack()))
		fault = x.answerPanic()
	}
	status := x.w.status
	if status == 0 {
		status = http.StatusOK
	}
	if x.r.Context().Err() != nil && status != http.StatusRequestTimeout {
		status = statusClientGone
	}
	took := time.Since(begin)
	x.metrics.observe(x.route, status, x.w.bytes, took)
	attrs := append([]slog.Attr{
		slog.String("req", x.id), slog.String("route", x.route), slog.String("method", printable(x.r.Method, 16)),
		slog.Int("status", status), slog.Int64("bytes", x.w.bytes), slog.Float64("ms", float64(took.Microseconds())/1000),
	}, x.notes...)
	x.log.LogAttrs(context.Background(), slog.LevelInfo, "request", attrs...)
	if fault != nil {
		panic(http.ErrAbortHandler)
	}
}

// answerPanic sends an error when nothing was sent yet; otherwise it returns
// the reason to cut the connection.
func (x *exchange) answerPanic() (fault any) {
	if x.w.status != 0 {
		return http.ErrAbortHandler
	}
	x.fail(errors.New("panic"))
	return nil
}

// requestID takes the caller's id when it is short and harmless, or makes one
// in the form of Arvados.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	plain := strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
	if id != "" && len(id) <= 64 && plain {
		return id
	}
	return "req-" + strings.ToLower(rand.Text()[:20])
}
