// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
)

// AwareHeader is the request header by which a client says that it knows
// pseudo-blocks; its value is "1".
const AwareHeader = "X-Keep-Pseudo-Blocks"

// get answers GET /<locator>: the read path, step by step.
func (x *exchange) get() error {
	if done, err := x.ordinary(); done || err != nil {
		return err
	}
	grant, err := x.resolve() // locator, authorise, credentials
	if err != nil {
		return err
	}
	part, err := x.part(grant.Block.Size)
	if err != nil {
		return err
	}
	ctx, cancel := x.limitTime()
	defer cancel()
	body, err := grant.Open(ctx, part.offset, part.size) // range read
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = body.WriteTo(&blockWriter{x, part, grant.Block.Size}) // response
	return err
}

// blockWriter sends the status with the first bytes of a block: a read that
// fails before them still gets a real answer in place of a cut connection.
type blockWriter struct {
	x    *exchange
	part part
	size int64
}

// Write sends bytes of the block.
func (w *blockWriter) Write(p []byte) (int, error) {
	if w.x.w.status == 0 {
		w.x.blockHeaders(w.part, w.size)
	}
	return w.x.w.Write(p)
}

// head answers HEAD /<locator> with the same checks and headers as get.
func (x *exchange) head() error {
	if done, err := x.ordinary(); done || err != nil {
		return err
	}
	grant, err := x.resolve()
	if err != nil {
		return err
	}
	ctx, cancel := x.limitTime()
	defer cancel()
	info, err := grant.Check(ctx)
	x.outlookHeaders(info)
	if err != nil {
		return err
	}
	x.blockHeaders(part{size: grant.Block.Size}, grant.Block.Size)
	return nil
}

func (x *exchange) resolve() (*resolver.Grant, error) {
	token, err := x.token()
	if err != nil {
		return nil, err
	}
	grant, err := x.Resolver.Resolve(x.r.Context(), resolver.Request{
		Locator: x.locator(),
		Token:   token,
		Aware:   x.r.Header.Get(AwareHeader) == "1",
	})
	if err == nil {
		x.note("bucket", grant.Block.Extents[0].Object.Bucket)
	}
	return grant, err
}

// part is the part of a block of a size that the client asks for.
func (x *exchange) part(size int64) (part, error) {
	p, err := parseRange(x.r.Header, size)
	if err != nil {
		x.w.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
	}
	return p, err
}

// limitTime ends the whole answer in time, however steadily the client reads,
// and however many alternatives a content-form block has.
func (x *exchange) limitTime() (context.Context, context.CancelFunc) {
	if x.Total <= 0 {
		return context.WithCancel(x.r.Context())
	}
	// The error of the read itself comes first, and time is left to send it.
	x.w.until = time.Now().Add(x.Total + 5*time.Second)
	return context.WithTimeout(x.r.Context(), x.Total+2*time.Second)
}

// blockHeaders sends the status and headers of a block or of a part of it.
// The bytes are other people's: they must never act as a page of this origin.
func (x *exchange) blockHeaders(p part, size int64) {
	h := x.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.FormatInt(p.size, 10))
	status := http.StatusOK
	if p.asked {
		h.Set("Content-Range", p.contentRange(size))
		status = http.StatusPartialContent
	}
	x.w.WriteHeader(status)
}
