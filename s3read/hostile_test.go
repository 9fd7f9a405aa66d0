// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// Servers that break rules of S3: every answer must be exact or an error.

func TestHostileGoFakeS3(t *testing.T) { hostile(t, servers.GoFakeS3(t)) }

func hostile(t *testing.T, server *testenv.Server) {
	ctx, client := context.Background(), server.Client(t)
	bucket, key := server.Bucket(t, "hostile", true), "dir/a b+c"
	stored := make(map[locator.Object][]byte)
	for i := range 3 {
		data := big()[i*1000 : i*1000+500+i]
		out, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		stored[locator.Object{Bucket: bucket, Key: key, VersionID: *out.VersionId}] = data
	}
	h := &hostileCase{t: t, reader: newReader(t, patient), server: server, stored: stored}
	h.readsAndHeads()
	h.lists(bucket)
	h.etags(bucket)
	if h.good == 0 {
		t.Error("control: nothing at all could be read")
	}
	t.Logf("%d exact answers, %d errors", h.good, h.refused)
}

type hostileCase struct {
	t             *testing.T
	reader        *s3read.Reader
	server        *testenv.Server
	stored        map[locator.Object][]byte
	good, refused int
}

// judge counts an answer: right, or an error of a kind.
func (h *hostileCase) judge(what string, right bool, err error) {
	h.t.Helper()
	switch {
	case err == nil && right:
		h.good++
	case err != nil && errors.As(err, new(*s3read.Error)):
		h.refused++
	default:
		h.t.Errorf("%s: wrong answer, error %v", what, err)
	}
}

func (h *hostileCase) readsAndHeads() {
	access := h.server.Access()
	for o, data := range h.stored {
		n := len(data)
		for _, r := range [][2]int{{0, n}, {0, 1}, {n - 1, n}, {100, 200}, {n - 1, n + 4}, {n, n + 1}} {
			e := pseudoblock.Extent{Object: o, Offset: int64(r[0]), Size: int64(r[1] - r[0])}
			got, err := readAll(h.reader, access, e)
			h.judge(fmt.Sprint("read ", r), r[1] <= n && bytes.Equal(got, data[r[0]:min(r[1], n)]), err)
		}
		info, err := h.reader.Head(context.Background(), access, o)
		h.judge("head", info.Object == o && info.Size == int64(n), err)
		o.VersionID += "x"
		_, err = readAll(h.reader, access, pseudoblock.Extent{Object: o, Size: 1})
		h.judge("other version", false, err)
	}
}

func (h *hostileCase) lists(bucket string) {
	client, ctx := h.server.Client(h.t), context.Background()
	for i := range 1100 {
		key := fmt.Sprintf("many/%04d", i)
		if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(nil)}); err != nil {
			h.t.Fatal(err)
		}
	}
	seen := make(map[locator.Object]bool)
	var failed error
	for v, err := range h.reader.Versions(ctx, h.server.Access(), bucket, "", "") {
		if err != nil {
			failed = err
			break
		}
		if seen[v.Object] {
			h.t.Errorf("%s came twice", v.Object)
		}
		seen[v.Object] = true
	}
	h.judge("listing", len(seen) == 1100+len(h.stored), failed)
}

// etags: on a server that ignores If-Match, a pin by ETag still holds.
func (h *hostileCase) etags(bucket string) {
	ctx, client, access := context.Background(), h.server.Client(h.t), h.server.Access()
	key := "pinned"
	put := func(data []byte) {
		if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)}); err != nil {
			h.t.Fatal(err)
		}
	}
	put([]byte("hello"))
	info, err := h.reader.Head(ctx, access, locator.Object{Bucket: bucket, Key: key})
	if err != nil {
		h.t.Fatal(err)
	}
	e := pseudoblock.Extent{Object: locator.Object{Bucket: bucket, Key: key, ETag: info.ETag}, Size: 5}
	got, err := readAll(h.reader, access, e)
	h.judge("etag", string(got) == "hello", err)
	put([]byte("world"))
	_, err = readAll(h.reader, access, e)
	h.judge("changed", false, err)
}
