// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3readtest

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

func (s *suite) ranges(t *testing.T) {
	data := pattern(300_000, 1)
	o := s.put(t, "reads/ranges", data)
	n := len(data)
	for _, r := range [][2]int{{0, n}, {0, 1}, {n - 1, n}, {0, 5}, {n - 5, n}, {100_000, 200_000}, {1, n - 1}} {
		s.read(t, o, int64(r[0]), data[r[0]:r[1]])
	}
	one := s.put(t, "reads/one", []byte("x"))
	s.read(t, one, 0, []byte("x"))
}

func (s *suite) pastEnd(t *testing.T) {
	data := pattern(100, 2)
	o := s.put(t, "reads/hundred", data)
	empty := s.put(t, "reads/empty", nil)
	for _, offset := range []int64{96, 98, 100, 1 << 40} {
		e := s.fails(t, o, offset, s3read.PastEnd)
		want := offset < 100 || !s.Quirks.HidesSize
		if strings.Contains(e.Text, "the object has only 100:") != want {
			t.Errorf("the sentence must tell the size: %v: %s", want, e.Text)
		}
	}
	s.fails(t, empty, 0, s3read.PastEnd)
	s.read(t, o, 95, data[95:])
}

// neverSent: what the extent itself forbids never becomes a request.
func (s *suite) neverSent(t *testing.T) {
	o := s.put(t, "reads/never", []byte("data!"))
	requests := 0
	reader := s3read.New(s3read.Options{Observe: func(s3read.Event) { requests++ }})
	defer reader.Close()
	for _, e := range []pseudoblock.Extent{
		{Object: o, Offset: 0, Size: 0},
		{Object: o, Offset: 0, Size: -1},
		{Object: o, Offset: -1, Size: 1},
		{Object: o, Offset: 1<<63 - 1, Size: 1},
		{Object: locator.Object{Bucket: o.Bucket, Key: o.Key}, Size: 1},
		{Object: locator.Object{Bucket: o.Bucket, Key: o.Key, VersionID: "null"}, Size: 1},
	} {
		if b, err := reader.Open(context.Background(), s.Access, e); err == nil {
			t.Errorf("%+v was accepted", e)
			_ = b.Close()
		}
	}
	if requests != 0 {
		t.Errorf("%d requests were sent", requests)
	}
	s.read(t, o, 0, []byte("data!"))
}

func (s *suite) oldVersions(t *testing.T) {
	const key = "reads/versions"
	first, second := []byte("the first version"), []byte("the second, longer version")
	v1, v2 := s.put(t, key, first), s.put(t, key, second)
	s.read(t, v1, 0, first)
	s.read(t, v2, 0, second)
	marker := s.remove(t, key, "")
	s.read(t, v1, 4, first[4:])
	s.read(t, v2, 4, second[4:])
	gone := v1
	gone.VersionID = marker
	s.fails(t, gone, 0, s3read.NotFound)
	_, err := s.reader.Head(context.Background(), s.Access, locator.Object{Bucket: v1.Bucket, Key: key})
	wantKind(t, err, s3read.NotFound)
	s.remove(t, key, v1.VersionID)
	s.fails(t, v1, 0, s3read.NotFound)
	s.read(t, v2, 0, second)
}

func (s *suite) multipart(t *testing.T) {
	ctx, key := context.Background(), "reads/multipart"
	const partSize = 5 << 20
	data := pattern(partSize+1_000_000, 3)
	up, err := s.Client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.Versioned, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for i, piece := range [][]byte{data[:partSize], data[partSize:]} {
		number := int32(i + 1)
		part, err := s.Client.UploadPart(ctx, &s3.UploadPartInput{Bucket: &s.Versioned, Key: &key, UploadId: up.UploadId,
			PartNumber: &number, Body: bytes.NewReader(piece)})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{ETag: part.ETag, PartNumber: &number})
	}
	done, err := s.Client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &s.Versioned, Key: &key,
		UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	if err != nil {
		t.Fatal(err)
	}
	o := locator.Object{Bucket: s.Versioned, Key: key, VersionID: *done.VersionId}
	s.read(t, o, partSize-1000, data[partSize-1000:partSize+1000])
	s.read(t, o, 0, data)
}

func (s *suite) etagPin(t *testing.T) {
	const key = "pinned"
	data := pattern(1000, 4)
	if _, err := s.store(s.Unversioned, key, data); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	info, err := s.reader.Head(ctx, s.Access, locator.Object{Bucket: s.Unversioned, Key: key})
	if err != nil || info.Object.VersionID != "" && info.Object.VersionID != "null" || info.ETag == "" {
		t.Fatalf("%+v, %v", info, err)
	}
	pin := locator.Object{Bucket: s.Unversioned, Key: key, ETag: info.ETag}
	s.read(t, pin, 10, data[10:20])
	if _, err := s.reader.Head(ctx, s.Access, pin); err != nil {
		t.Errorf("control: %v", err)
	}
	if _, err := s.store(s.Unversioned, key, pattern(1000, 5)); err != nil {
		t.Fatal(err)
	}
	s.fails(t, pin, 10, s3read.Changed)
	_, err = s.reader.Head(ctx, s.Access, pin)
	wantKind(t, err, s3read.Changed)
}

func (s *suite) head(t *testing.T) {
	ctx := context.Background()
	first := s.put(t, "reads/head", []byte("first"))
	second := s.put(t, "reads/head", []byte("second!"))
	for _, c := range []struct {
		ask, want locator.Object
		size      int64
	}{
		{first, first, 5},
		{second, second, 7},
		{locator.Object{Bucket: s.Versioned, Key: "reads/head"}, second, 7},
	} {
		info, err := s.reader.Head(ctx, s.Access, c.ask)
		if err != nil || info.Object != c.want || info.Size != c.size || info.ETag == "" || info.LastModified.IsZero() || info.Archived {
			t.Errorf("%s: %+v, %v", c.ask, info, err)
		}
	}
	gone := first
	gone.Key = "reads/no-such-key"
	_, err := s.reader.Head(ctx, s.Access, gone)
	wantKind(t, err, s3read.NotFound)
}
