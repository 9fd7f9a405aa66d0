// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
)

const (
	rcloneBucket = "hostile"
	rcloneKey    = "dir/a b+c"
)

// newRcloneRig is a reader behind a proxy before rclone, whose extent is of an
// object of 1000 bytes, pinned by its ETag.
func newRcloneRig(t *testing.T) *rig {
	t.Helper()
	server := servers.Rclone(t)
	r := &rig{t: t, server: server, proxy: faultproxy.New(t, server.URL), reader: newReader(t, patient)}
	r.access = creds.Access{Endpoint: server.Endpoint(r.proxy.URL()), Provider: server.Access().Provider}
	server.Bucket(t, rcloneBucket, false)
	r.rclonePut(rcloneKey, big()[:1000])
	r.extent.Object = locator.Object{Bucket: rcloneBucket, Key: rcloneKey}
	info, err := r.reader.Head(context.Background(), r.access, r.extent.Object)
	if err != nil || info.Size != 1000 || info.Object != r.extent.Object || info.ETag == "" {
		t.Fatalf("%+v, %v", info, err)
	}
	r.extent.Object.ETag = info.ETag
	return r
}

func (r *rig) rclonePut(key string, data []byte) {
	r.t.Helper()
	bucket := rcloneBucket
	_, err := r.server.Client(r.t).PutObject(context.Background(),
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestHostileRclone: rclone answers ranges with status 200, ignores If-Match,
// and has no versions. The positive control of each read is the same reply
// with status 206.
func TestHostileRclone(t *testing.T) {
	r := newRcloneRig(t)
	r.rcloneRanges()
	r.rcloneVersions()
	r.rcloneBrowse()
	r.rclonePut(rcloneKey, big()[1000:2000])
	r.rcloneChanged()
}

func (r *rig) rcloneRanges() {
	for _, c := range []struct {
		offset, size int64
		kind         s3read.Kind // once the status is right
	}{{0, 1000, ""}, {0, 1, ""}, {10, 20, ""}, {999, 1, ""}, {998, 5, s3read.PastEnd}} {
		r.extent.Offset, r.extent.Size = c.offset, c.size
		r.proxy.Set()
		if e := r.fails(s3read.BadReply, 1); e.Status != 200 {
			r.t.Errorf("%v: %v", c, e)
		}
		r.always(faultproxy.Status(206))
		if c.kind == "" {
			r.good(1)
		} else {
			r.fails(c.kind, 1)
		}
	}
	r.proxy.Set()
	r.extent.Offset, r.extent.Size = 1000, 1
	r.fails(s3read.PastEnd, 1)
}

func (r *rig) rcloneVersions() {
	ctx, pinned := context.Background(), locator.Object{Bucket: rcloneBucket, Key: rcloneKey, VersionID: "v1"}
	extent := r.extent
	extent.Object, extent.Offset = pinned, 0
	_, read := readAll(r.reader, r.access, extent)
	_, head := r.reader.Head(ctx, r.access, pinned)
	if e := wantKind(r.t, read, s3read.BadReply); e.Status != 501 || !strings.Contains(e.Text, "does not implement versions") {
		r.t.Errorf("read: %v", e)
	}
	if e := wantKind(r.t, head, s3read.BadReply); e.Status != 200 {
		r.t.Errorf("head, whose version rclone ignores: %v", e)
	}
	listed := 0
	for _, err := range r.reader.Versions(ctx, r.access, rcloneBucket, "", "") {
		listed++
		if e := wantKind(r.t, err, s3read.BadReply); e.Status != 501 {
			r.t.Errorf("list: %v", e)
		}
	}
	if listed != 1 {
		r.t.Errorf("the listing of versions gave %d entries", listed)
	}
}

func (r *rig) rcloneBrowse() {
	const keys = 1100
	for i := range keys {
		r.rclonePut(fmt.Sprintf("many/%04d", i), nil)
	}
	n, cursor := 0, ""
	for range 3 {
		page, err := r.reader.Browse(context.Background(), r.access, rcloneBucket, "many/", cursor)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, o := range page.Objects {
			if o.Object.Key != fmt.Sprintf("many/%04d", n) {
				r.t.Errorf("object %d is %q", n, o.Object.Key)
			}
			n++
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if n != keys || cursor != "" {
		r.t.Errorf("%d objects, cursor %q", n, cursor)
	}
}

// rcloneChanged: another object is there now, and rclone does not say so.
func (r *rig) rcloneChanged() {
	r.extent.Offset, r.extent.Size = 10, 20
	r.always(faultproxy.Status(206))
	if e := r.fails(s3read.BadReply, 1); !strings.Contains(e.Text, "ETag") {
		r.t.Errorf("%v", e)
	}
	_, err := r.reader.Head(context.Background(), r.access, r.extent.Object)
	wantKind(r.t, err, s3read.BadReply)
}
