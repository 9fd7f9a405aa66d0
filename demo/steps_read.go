// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/arvados-s3/keepstore/internal/importer"
)

// fetch reads all blocks of a file.
func (c client) fetch(ctx context.Context, f importer.File) ([]byte, error) {
	var body []byte
	if f.Size == 0 {
		return body, nil
	}
	for _, l := range strings.Fields(f.Locator) {
		r, err := c.read(ctx, l, "")
		if err == nil {
			err = r.wants(http.StatusOK)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", f.Path, err)
		}
		body = append(body, r.body...)
	}
	return body, nil
}

func (t *tour) readAll(ctx context.Context) error {
	t.out.sent("GET /<locator> for each of the %d files that are not empty", len(t.first.files)-1)
	start := time.Now()
	var equal, size int64
	asked, err := t.watch(ctx, len(t.first.files)-1, func() (err error) {
		equal, size, err = t.compare(ctx)
		return err
	})
	if err != nil {
		return err
	}
	t.out.got("%s in %s", inBytes(size), since(start))
	t.check(equal == int64(len(t.bucket.files())), "all %d files have the SHA-256 of what was uploaded", equal)
	t.check(asked == len(t.first.files)-1, "S3 got %d requests: one GET for each block, and nothing else", asked)
	return nil
}

// compare reads every file and counts those that are what was uploaded.
func (t *tour) compare(ctx context.Context) (equal, size int64, err error) {
	var same, read atomic.Int64
	want := t.bucket.files()
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, f := range t.first.files {
		group.Go(func() error {
			body, err := t.ann().fetch(inner, f)
			if o := want[prefix+f.Path]; err == nil && o != nil && sha256.Sum256(body) == o.sum {
				same.Add(1)
			}
			read.Add(int64(len(body)))
			return err
		})
	}
	err = group.Wait()
	return same.Load(), read.Load(), err
}

func (t *tour) readPart(ctx context.Context) error {
	f, err := t.first.file(largeKey)
	if err != nil {
		return err
	}
	const from, to = 3_000_000, 3_000_099
	t.out.sent("GET /<locator of %s, %s> with Range: bytes=%d-%d", f.Path, inBytes(f.Size), from, to)
	var r reply
	asked, err := t.watch(ctx, 1, func() (err error) {
		r, err = t.ann().read(ctx, f.Locator, fmt.Sprintf("%d-%d", from, to))
		return err
	})
	if err != nil {
		return err
	}
	t.out.got("%d, Content-Range: %s, %d bytes", r.status, r.header.Get("Content-Range"), len(r.body))
	large := t.bucket.files()[largeKey].body
	t.check(r.status == http.StatusPartialContent && bytes.Equal(r.body, large[from:to+1]), "these are the bytes at that place")
	t.check(asked == 1, "S3 got one request")
	past := fmt.Sprintf("%d-", f.Size)
	r, err = t.ann().read(ctx, f.Locator, past)
	if err != nil {
		return err
	}
	t.check(r.status == http.StatusRequestedRangeNotSatisfiable, "a range past the end gives 416 and no bytes")
	return nil
}

// overwrite changes the past, and finds that it stays.
func (t *tour) overwrite(ctx context.Context) error {
	old := t.bucket.files()[changingKey]
	f, err := t.first.file(changingKey)
	if err != nil {
		return err
	}
	changed := newObject(changingKey, bytes.ToUpper(old.body))
	t.out.sent("S3: PUT %s with other bytes of the same size", changingKey)
	if err := t.bucket.put(ctx, changed); err != nil {
		return err
	}
	again, err := t.ann().importURL(ctx, "s3://"+bucketName+"/"+changingKey)
	if err == nil {
		err = again.good()
	}
	if err != nil {
		return err
	}
	now, err := t.ann().fetch(ctx, again.files[0])
	if err != nil {
		return err
	}
	t.check(sha256.Sum256(now) == changed.sum && changed.sum != old.sum, "a new import gives the new bytes (version %s)", again.files[0].VersionID)
	t.out.sent("S3: DELETE %s", changingKey)
	if err := t.bucket.delete(ctx, changingKey); err != nil {
		return err
	}
	t.out.sent("GET /<locator of the first import>")
	then, err := t.ann().fetch(ctx, f)
	if err != nil {
		return err
	}
	t.out.got("200, %d bytes, SHA-256 %x", len(then), sha256.Sum256(then))
	t.check(sha256.Sum256(then) == old.sum, "the pinned block still reads the first bytes (version %s)", f.VersionID)
	return t.importDeleted(ctx)
}

func (t *tour) importDeleted(ctx context.Context) error {
	url := "s3://" + bucketName + "/" + changingKey
	t.out.sent("POST /s3/import %s", importRequest(url))
	r, err := t.ann().importURL(ctx, url)
	if err != nil {
		return err
	}
	t.out.got("%d %s", r.status, r.line())
	t.check(r.status == http.StatusNotFound && strings.Contains(r.line(), "deleted"), "a new import of the key fails and says that it was deleted")
	return nil
}
