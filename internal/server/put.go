// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// put answers PUT /<locator>: the body is stored if its MD5 is the hash, and
// the answer is a locator that is signed for the caller's token.
func (x *exchange) put() error {
	token, err := x.token()
	if err != nil {
		return err
	}
	hash, size, err := x.target()
	if err != nil {
		return err
	}
	// Without this anybody could fill the disk with a token of their own making.
	if _, err := x.Resolver.Caller(x.r.Context(), token); err != nil {
		return err
	}
	buf, release, err := x.Store.Buffer(x.r.Context(), int(size))
	if err != nil {
		return err
	}
	defer release()
	if err := x.readBody(buf); err != nil {
		return err
	}
	block, err := volume.NewBlock(hash, buf)
	if err != nil {
		return err
	}
	ctx, cancel := x.limitTime()
	defer cancel()
	stored, err := x.Store.Put(ctx, block, storageClasses(x.r.Header))
	if err != nil {
		return err
	}
	return x.confirm(block, stored, token.Reveal())
}

// target checks what can be checked before the body is read.
func (x *exchange) target() (hash locator.Hash, size int64, err error) {
	l, sized, err := x.block()
	size = x.r.ContentLength
	switch {
	case err != nil:
		return "", 0, err
	case strings.HasPrefix(x.r.URL.Path, "//"):
		return "", 0, refuse("bad-locator", "a block is written at one slash and its hash")
	case pseudoblock.Is(l):
		return "", 0, refuse("bad-locator", "this locator refers to an S3 object, which is never written: leave +B and +C out to store a block")
	case size < 0:
		return "", 0, refuse("length-missing", "the request has no Content-Length: send one")
	case size > volume.MaxSize:
		return "", 0, refuse("too-large", "the data has %d bytes, but a block has at most %d: split it", size, volume.MaxSize)
	case sized && l.Size() != size:
		return "", 0, refuse("wrong-size", "the locator says %d bytes and the request %d: send the data that belongs to the locator", l.Size(), size)
	}
	x.note("block", string(l.Hash()))
	return l.Hash(), size, nil
}

// tooSlow is the word for a client whose data does not come in time.
const tooSlow = "upload-too-slow"

// uploadRate is how many bytes per second a client must send on average, from
// some seconds after the start. Keep clients give up below the same rate.
const uploadRate = 32 << 10

// readBody fills buf. A client holds a place and memory meanwhile, so it must
// not stop, nor send slowly for long.
func (x *exchange) readBody(buf []byte) error {
	control, begin := http.NewResponseController(x.w), time.Now()
	wait := writeWait
	if x.Total > 0 {
		wait = min(wait, x.Total)
	}
	for rest := buf; len(rest) > 0; {
		piece := rest[:min(len(rest), writeUnit)]
		deadline := begin.Add(wait + time.Duration(len(buf)-len(rest)+len(piece))*time.Second/uploadRate)
		if soon := time.Now().Add(wait); soon.Before(deadline) {
			deadline = soon
		}
		_ = control.SetReadDeadline(deadline) // best effort
		n, err := io.ReadFull(x.r.Body, piece)
		rest = rest[n:]
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return refuse(tooSlow, "%d bytes of %d came in time: try again over a faster connection", len(buf)-len(rest), len(buf))
		case err != nil:
			return fmt.Errorf("%w: the body ended after %d bytes of %d: %w", context.Canceled, len(buf)-len(rest), len(buf), err)
		}
	}
	_ = control.SetReadDeadline(time.Time{}) // or the end of the client would be seen then
	return nil
}

// storageClasses reads the classes that a client asks for.
func storageClasses(h http.Header) []string {
	var classes []string
	for _, c := range strings.Split(h.Get("X-Keep-Storage-Classes"), ",") {
		if c = strings.TrimSpace(c); c != "" && !slices.Contains(classes, c) {
			classes = append(classes, c)
		}
	}
	return classes
}

func (x *exchange) confirm(b volume.Block, stored keep.Stored, token string) error {
	l, err := locator.New(b.Hash(), int64(len(b.Data())))
	if err != nil {
		return err
	}
	var confirmed []string
	for _, class := range slices.Sorted(maps.Keys(stored.Classes)) {
		confirmed = append(confirmed, class+"="+strconv.Itoa(stored.Classes[class]))
	}
	h := x.w.Header()
	h.Set("X-Keep-Replicas-Stored", strconv.Itoa(stored.Replicas))
	h.Set("X-Keep-Storage-Classes-Confirmed", strings.Join(confirmed, ", "))
	h.Set("Content-Type", "text/plain; charset=utf-8")
	_, err = io.WriteString(x.w, x.Signer.Sign(l, token, time.Now().Add(x.Signer.TTL())).String()+"\n")
	return err
}
