// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
)

// maxPage is the largest page of a listing that is read. A page of 1000 keys
// of 1024 bytes, all percent-encoded, has about 4 MiB.
const maxPage = 16 << 20

// page gets one page of a listing.
func (r *Reader) page(ctx context.Context, access creds.Access, bucket, prefix string, query url.Values) (*page, error) {
	if err := locator.CheckBucket(bucket); err != nil {
		return nil, err
	}
	o, err := r.begin(ctx, call{op: "list", access: access, query: query, object: locator.Object{Bucket: bucket, Key: prefix}})
	if err != nil {
		return nil, err
	}
	defer o.end()
	var p *page
	a, err := o.try(func(a *attempt) (err error) {
		p, err = a.acceptPage()
		return err
	})
	if err != nil {
		return nil, err
	}
	a.finish(nil)
	return p, nil
}

func (a *attempt) acceptPage() (*page, error) {
	if a.reply.StatusCode != http.StatusOK {
		return nil, a.refuse()
	}
	body, err := a.readBody(maxPage)
	if err != nil {
		return nil, err
	}
	p, err := decodePage(body, a.object.Bucket)
	if err != nil {
		bad := a.bad("its listing cannot be read")
		bad.Err, bad.retry, bad.fresh = err, true, true // it may have been cut short
		return nil, bad
	}
	return p, nil
}

// readBody reads a whole body of at most so many bytes, so that a broken one
// can be fetched again before any of it is used.
func (a *attempt) readBody(most int64) ([]byte, error) {
	var body bytes.Buffer
	n, err := io.Copy(&body, io.LimitReader(timed{a}, most+1))
	switch {
	case err != nil:
		return nil, a.broken(a, err)
	case n > most:
		return nil, a.bad(fmt.Sprintf("it is larger than %d MiB", most>>20))
	}
	return body.Bytes(), nil
}

// timed is the body of an attempt as a plain reader.
type timed struct{ *attempt }

func (t timed) Read(p []byte) (int, error) { return t.read(p) }
