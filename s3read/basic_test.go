// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

func TestReadHeadListBrowse(t *testing.T) {
	server := servers.MinIO(t)
	bucket := server.Bucket(t, "basic", true)
	put, err := server.Client(t).PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: &bucket, Key: ptr("dir/a b"), Body: bytes.NewReader([]byte("hello, world"))})
	if err != nil {
		t.Fatal(err)
	}
	r := s3read.New(s3read.Options{})
	defer r.Close()
	ctx := context.Background()
	o := locator.Object{Bucket: bucket, Key: "dir/a b", VersionID: *put.VersionId}
	b, err := r.Open(ctx, server.Access(), pseudoblock.Extent{Object: o, Offset: 7, Size: 5})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(b)
	if err != nil || string(got) != "world" || b.Total() != 12 {
		t.Fatalf("read %q of %d, %v", got, b.Total(), err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := r.Head(ctx, server.Access(), locator.Object{Bucket: bucket, Key: "dir/a b"})
	if err != nil || info.Object != o || info.Size != 12 {
		t.Fatalf("head: %+v, %v", info, err)
	}
	n := 0
	for v, err := range r.Versions(ctx, server.Access(), bucket, "dir/", "") {
		if err != nil || v.Object != o || !v.Latest || v.Size != 12 || v.ETag != info.ETag {
			t.Fatalf("version: %+v, %v", v, err)
		}
		n++
	}
	page, err := r.Browse(ctx, server.Access(), bucket, "", "")
	if got := fmt.Sprintf("%q %d %q", page.Folders, len(page.Objects), page.Next); err != nil || n != 1 || got != `["dir/"] 0 ""` {
		t.Fatalf("browse: %s, %v; %d versions", got, err, n)
	}
}

func ptr[T any](v T) *T { return &v }
