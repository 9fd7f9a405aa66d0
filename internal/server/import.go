// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/internal/importer"
)

// maxImportBody bounds the request body of an import, in bytes.
const maxImportBody = 1 << 20

// flushEvery bounds how long a finished line waits in memory.
const flushEvery = 250 * time.Millisecond

// importS3 answers POST /s3/import.
func (x *exchange) importS3() error {
	if err := x.checkOrigin(); err != nil {
		return err
	}
	token, err := x.token()
	if err != nil {
		return err
	}
	session, err := x.Importer.Admit(x.r.Context(), token)
	if err != nil {
		return err
	}
	defer session.Close()
	request, err := x.importRequest()
	if err != nil {
		return err
	}
	done := x.metrics.importBegins()
	defer done()
	if strings.Contains(x.r.Header.Get("Accept"), "text/plain") {
		return x.importText(session, request)
	}
	out := &lineAnswer{x: x, w: bufio.NewWriterSize(x.w, 64<<10)}
	return out.end(session.Run(x.r.Context(), request, out, io.Discard))
}

// importText answers with manifest text, which has no last line of its own:
// only the framing of HTTP/1.1 tells whether all of it came.
func (x *exchange) importText(session *importer.Session, request importer.Request) error {
	if request.Resume != "" {
		return refuse("bad-request", "manifest text cannot be resumed: ask for application/x-ndjson")
	}
	if !x.r.ProtoAtLeast(1, 1) {
		return refuse("bad-request", "manifest text needs HTTP/1.1, since in HTTP/1.0 a broken-off answer looks whole: "+
			"use HTTP/1.1 (nginx: proxy_http_version 1.1), or ask for application/x-ndjson")
	}
	out := &manifestAnswer{x: x}
	return out.end(session.Run(x.r.Context(), request, out, out))
}

func (x *exchange) importRequest() (importer.Request, error) {
	var request importer.Request
	kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return request, refuse("bad-request", "send the request as JSON, with Content-Type: application/json")
	}
	controller := http.NewResponseController(x.w)
	_ = controller.SetReadDeadline(time.Now().Add(30 * time.Second)) // best effort
	decoder := json.NewDecoder(http.MaxBytesReader(x.w, x.r.Body, maxImportBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, badJSON(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return request, refuse("bad-request", "there is text after the JSON of the request")
	}
	_ = controller.SetReadDeadline(time.Time{}) // best effort
	return request, nil
}

func badJSON(err error) error {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return refuse("too-large", "the request body is larger than %d bytes: split the import", tooLarge.Limit)
	}
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return refuse("bad-request", "%q in the request must not be a %s: see docs/protocol.md", wrong.Field, wrong.Value)
	}
	if wrong := (*time.ParseError)(nil); errors.As(err, &wrong) {
		return refuse("bad-request", "as_of must look like \"2026-10-01T00:00:00Z\"")
	}
	return refuse("bad-request", "the request is not the JSON that is expected here: %.200s", strings.TrimPrefix(err.Error(), "json: "))
}

// lineAnswer sends the lines of an import as NDJSON. The status goes out with
// the first line, so that an import that fails at once has a real status.
type lineAnswer struct {
	x       *exchange
	w       *bufio.Writer
	flushed time.Time
}

// Line sends one line. Everything but plain file lines goes out at once.
func (a *lineAnswer) Line(line any) error {
	if a.x.w.status == 0 {
		a.x.w.Header().Set("Content-Type", "application/x-ndjson")
		a.x.w.WriteHeader(http.StatusOK)
	}
	encoder := json.NewEncoder(a.w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(line); err != nil {
		return err
	}
	a.x.noteLine(line)
	if _, ok := line.(importer.File); ok && time.Since(a.flushed) < flushEvery {
		return nil
	}
	return a.flush()
}

func (a *lineAnswer) flush() error {
	a.flushed = time.Now()
	if err := a.w.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(a.x.w).Flush()
}

// end closes the answer. A failed import that has sent lines ended with an
// error line; its missing "done" line tells the client, so the connection
// need not be cut.
func (a *lineAnswer) end(err error) error {
	if err == nil || a.x.w.status == 0 {
		return errors.Join(err, a.w.Flush())
	}
	word, _ := explain(err)
	a.x.note("error", word)
	a.x.noteCause(err)
	return a.w.Flush()
}

// manifestAnswer sends the manifest text alone. What the lines would tell
// stands in trailers; a failed import cuts the connection.
type manifestAnswer struct{ x *exchange }

const (
	pdhTrailer     = "X-Keep-Portable-Data-Hash"
	skippedTrailer = "X-Keep-Skipped"
)

func (a *manifestAnswer) start() {
	if a.x.w.status == 0 {
		h := a.x.w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Trailer", pdhTrailer+", "+skippedTrailer)
		a.x.w.WriteHeader(http.StatusOK)
	}
}

// Write takes manifest text.
func (a *manifestAnswer) Write(p []byte) (int, error) {
	a.start()
	return a.x.w.Write(p)
}

// Line keeps what goes into the trailers.
func (a *manifestAnswer) Line(line any) error {
	a.x.noteLine(line)
	if done, ok := line.(importer.Done); ok {
		a.start()
		a.x.w.Header().Set(pdhTrailer, done.PDH)
		a.x.w.Header().Set(skippedTrailer, strconv.FormatInt(done.Skipped, 10))
	}
	return nil
}

func (a *manifestAnswer) end(err error) error { return err }

// noteLine puts the totals of an import into the log and the metrics.
func (x *exchange) noteLine(line any) {
	done, ok := line.(importer.Done)
	if !ok {
		return
	}
	x.note("files", done.Files)
	x.note("skipped", done.Skipped)
	x.metrics.imported.Add(float64(done.Files))
}
