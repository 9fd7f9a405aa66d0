// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
)

// Put stores data, at most [MaxBlock] bytes, as an ordinary block and returns
// its locator, signed for the token of the client.
func (c *Client) Put(ctx context.Context, data []byte) (locator.Locator, error) {
	if len(data) > MaxBlock {
		return locator.Locator{}, fault(NotStored, nil, "a block of %d bytes is larger than %d: cut it", len(data), MaxBlock)
	}
	sum := md5.Sum(data)
	plain, err := locator.New(locator.Hash(hex.EncodeToString(sum[:])), int64(len(data)))
	if err != nil {
		return plain, err
	}
	copies, err := c.desired(ctx)
	if err != nil {
		return plain, err
	}
	p := &putting{data: data, plain: plain, missing: copies, done: map[string]bool{}}
	err = c.ask(ctx, plain, func(s service) error { return c.putTo(ctx, s, p) })
	if Is(err, tooFew) {
		err = fault(NotStored, nil, "the block %s was stored in %d copies too few: there are not enough Keep services that can be written to", plain.Stripped(), p.missing)
	}
	return p.signed, err
}

// putting is how far the storing of a block has come.
type putting struct {
	data    []byte
	plain   locator.Locator
	signed  locator.Locator
	missing int
	done    map[string]bool // services that have it
}

// putTo stores at one service. It returns an error as long as copies are
// missing, so that the next service is asked.
func (c *Client) putTo(ctx context.Context, s service, p *putting) error {
	if s.readOnly || p.done[s.uuid] {
		return fault(tooFew, nil, "more copies are wanted")
	}
	header := http.Header{"Content-Type": {"application/octet-stream"}, "X-Keep-Desired-Replicas": {strconv.Itoa(p.missing)}}
	if len(c.options.StorageClasses) > 0 {
		header.Set("X-Keep-Storage-Classes", strings.Join(c.options.StorageClasses, ", "))
	}
	a, err := c.do(ctx, s, http.MethodPut, string(p.plain.Hash()), header, p.data)
	if err != nil {
		return err
	}
	defer a.Close()
	if a.StatusCode != http.StatusOK {
		return a.refusal("the block " + p.plain.Stripped() + " cannot be stored")
	}
	text, err := io.ReadAll(io.LimitReader(a, locator.MaxLength+1))
	if err != nil {
		return err
	}
	l, err := locator.Parse(strings.TrimSpace(string(text)))
	if err != nil || l.Stripped() != p.plain.Stripped() {
		return fault(BadReply, nil, "the Keep service %s stored the block %s and answers with another locator", s.url, p.plain.Stripped())
	}
	stored, err := strconv.Atoi(a.Header.Get("X-Keep-Replicas-Stored"))
	if err != nil || stored < 1 {
		stored = 1
	}
	p.signed, p.missing, p.done[s.uuid] = l, p.missing-stored, true
	if p.missing > 0 {
		return fault(tooFew, nil, "more copies are wanted")
	}
	return nil
}
