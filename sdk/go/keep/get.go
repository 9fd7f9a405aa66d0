// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// Whole reports whether a block is always fetched whole, because its MD5 can
// be checked: ordinary blocks and content form.
func Whole(l locator.Locator) bool { return l.Verified() || !pseudoblock.Is(l) }

// View returns bytes of a block from offset on: at least one and at most want
// of them, which must be a range inside the block. They come from the cache
// or are fetched. The caller must not change them.
//
// For blocks that [Whole] tells of, the whole block is fetched and checked;
// of others exactly the range is, or less where the cache has the rest. Bytes of
// S3 objects that lie in the cache for a minute are given only after a service
// was asked, once for all readers, whether it still allows that.
func (c *Client) View(ctx context.Context, l locator.Locator, offset, want int64) ([]byte, error) {
	if offset < 0 || want < 1 || want > l.Size()-offset {
		return nil, fault(BadReply, nil, "bytes %d to %d are not inside the block %s", offset, offset+want, l.Stripped())
	}
	from, size, err := c.extent(l, offset, want)
	if err != nil {
		return nil, err
	}
	data, err := c.cache.get(ctx, cacheKey(l), from, size, c.filler(l))
	if err == nil {
		err = c.allowed(ctx, l)
	}
	if err != nil {
		return nil, err
	}
	data = data[offset-from:]
	n := min(want, int64(len(data)))
	return data[:n:n], nil // an append must not reach what others read
}

// Ahead starts to fetch a range of a block into the cache and returns at
// once. The fetch ends with ctx, unless somebody else waits for it.
func (c *Client) Ahead(ctx context.Context, l locator.Locator, offset, size int64) {
	if from, size, err := c.extent(l, offset, size); err == nil && size > 0 {
		c.cache.ahead(ctx, cacheKey(l), from, size, c.filler(l))
	}
}

// Passed tells that a stream has read all of a block before offset and will
// not come back: what is cached of it there may make room for other bytes.
func (c *Client) Passed(l locator.Locator, offset int64) {
	if !Whole(l) || offset == l.Size() {
		c.cache.pass(cacheKey(l), offset)
	}
}

// cacheKey is what bytes are cached by: the identity of the block, and its kind.
// Derived form has its identity where ordinary blocks have their MD5, so a text
// can name both by one hash: bytes of an extent must not pass for the checked
// bytes of a block. Bytes that came from S3 are given less freely than those of
// an ordinary block, also where the MD5 is the same.
func cacheKey(l locator.Locator) string {
	switch {
	case !Whole(l):
		return "extent " + l.Reduced()
	case aged(l):
		return "content " + l.Reduced()
	}
	return l.Reduced()
}

// extent returns what must be fetched for a range.
func (c *Client) extent(l locator.Locator, offset, size int64) (int64, int64, error) {
	switch {
	case !Whole(l):
		return offset, size, nil
	case l.Size() > MaxBlock:
		return 0, 0, fault(Corrupt, nil, "the block %s is larger than any ordinary block (%d bytes), so it cannot be checked", l.Stripped(), MaxBlock)
	}
	return 0, l.Size(), nil
}

func (c *Client) filler(l locator.Locator) fill {
	return func(ctx context.Context, p []byte, offset int64) error {
		begin := time.Now()
		err := c.fetch(ctx, l, p, offset)
		if err == nil && aged(l) {
			c.cache.given(cacheKey(l), l.String(), begin)
		}
		return err
	}
}

// fetch fills p with the bytes of the block from offset on.
func (c *Client) fetch(ctx context.Context, l locator.Locator, p []byte, offset int64) error {
	f := &fetching{l: l, p: p, offset: offset, sum: md5.New()}
	return c.ask(ctx, l, func(s service) error { return c.fetchFrom(ctx, s, f) })
}

// fetching is how far a block, or a range of one, has come.
type fetching struct {
	l      locator.Locator
	p      []byte
	offset int64
	have   int
	sum    hash.Hash
}

// fetchFrom goes on with a block at one service.
func (c *Client) fetchFrom(ctx context.Context, s service, f *fetching) error {
	header := http.Header{}
	if f.have > 0 || int64(len(f.p)) < f.l.Size() {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", f.offset+int64(f.have), f.offset+int64(len(f.p))-1))
	}
	a, err := c.do(ctx, s, http.MethodGet, f.l.String(), header, nil)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := f.accept(a); err != nil {
		return err
	}
	for f.have < len(f.p) {
		n, err := a.Read(f.p[f.have:])
		if Whole(f.l) {
			_, _ = f.sum.Write(f.p[f.have : f.have+n]) // never fails
		}
		if f.have += n; err != nil && f.have < len(f.p) {
			return f.short(s, err)
		}
	}
	return f.verify(s)
}

// accept checks that an answer is the range that was asked for. A service
// that knows no ranges sends the whole block, of which the part that is here
// already is passed over; where the MD5 is not checked that is refused.
func (f *fetching) accept(a *answer) error {
	first, last := f.offset+int64(f.have), f.offset+int64(len(f.p))-1
	asked := a.Request.Header.Get("Range") != ""
	switch {
	case a.StatusCode < 300 && a.Header.Get("Content-Encoding") != "":
		return fault(BadReply, nil, "the Keep service %s, or something before it, answers with coded bytes (%s) in place of plain ones",
			a.service.url, a.clean(a.Header.Get("Content-Encoding")))
	case a.StatusCode == http.StatusPartialContent && asked:
		want := fmt.Sprintf("bytes %d-%d/%d", first, last, f.l.Size())
		if got := a.Header.Get("Content-Range"); got != want || a.ContentLength != last-first+1 {
			return fault(BadReply, nil, "the Keep service %s answers %s where %s was asked for", a.service.url, a.clean(got), want)
		}
		return nil
	case a.StatusCode == http.StatusOK && a.ContentLength == f.l.Size() && (!asked || Whole(f.l)):
		if _, err := io.CopyN(io.Discard, a, first); err != nil {
			return f.short(a.service, err)
		}
		return nil
	case a.StatusCode == http.StatusOK || a.StatusCode == http.StatusPartialContent:
		return fault(BadReply, nil, "the Keep service %s answers %d with %d bytes where %d to %d of %d were asked for",
			a.service.url, a.StatusCode, a.ContentLength, first, last, f.l.Size())
	}
	return a.refusal("the block " + f.l.Stripped() + " cannot be read")
}

func (f *fetching) short(s service, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fault(Unreachable, err, "the Keep service %s broke off in the middle of the block %s", s.url, f.l.Stripped())
	}
	return err
}

// verify checks the MD5 where the hash is one. A wrong block is fetched anew.
func (f *fetching) verify(s service) error {
	if !Whole(f.l) || hex.EncodeToString(f.sum.Sum(nil)) == string(f.l.Hash()) {
		return nil
	}
	f.have = 0
	f.sum.Reset()
	return fault(Corrupt, nil, "the Keep service %s sent other bytes than those of the block %s (wrong MD5)", s.url, f.l.Stripped())
}
