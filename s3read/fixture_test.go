// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

const (
	mib         = 1 << 20
	faultBucket = "faults"
)

// big is an object of 10 MiB, of which every window differs, stored once: an
// old version behind a newer one.
var big = sync.OnceValue(func() []byte {
	data := make([]byte, 10*mib)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(data) // never fails
	return data
})

// put stores an object on MinIO and returns it pinned.
func put(t testing.TB, bucket, key string, data []byte) locator.Object {
	t.Helper()
	return putOn(t, servers.MinIO(t), bucket, key, data)
}

func putOn(t testing.TB, server *testenv.Server, bucket, key string, data []byte) locator.Object {
	t.Helper()
	out, err := server.Client(t).PutObject(context.Background(),
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
	o := locator.Object{Bucket: bucket, Key: key}
	if out.VersionId != nil {
		o.VersionID = *out.VersionId
	}
	return o
}

// rig is a reader behind a fault proxy before MinIO.
type rig struct {
	t      testing.TB
	server *testenv.Server
	proxy  *faultproxy.Proxy
	reader *s3read.Reader
	access creds.Access
	// extent is 1 MiB at 3 MiB of the big object.
	extent pseudoblock.Extent
}

// patient and hasty are limits for tests in which nothing should stall, and
// for those that wait for a stall.
var (
	patient = s3read.Options{Stall: 20 * time.Second}
	hasty   = s3read.Options{Stall: 700 * time.Millisecond}
)

func newRig(t testing.TB, o s3read.Options) *rig {
	t.Helper()
	server := servers.MinIO(t)
	bigOnce.Do(func() {
		server.Bucket(t, faultBucket, true)
		bigObject = put(t, faultBucket, "dir/big object", big())
		put(t, faultBucket, "dir/big object", []byte("a newer version"))
	})
	r := &rig{t: t, server: server, proxy: faultproxy.New(t, server.URL), reader: newReader(t, o)}
	r.access = creds.Access{Endpoint: server.Endpoint(r.proxy.URL()), Provider: server.Access().Provider}
	r.extent = pseudoblock.Extent{Object: bigObject, Offset: 3 * mib, Size: mib}
	return r
}

func newReader(t testing.TB, o s3read.Options) *s3read.Reader {
	t.Helper()
	r := s3read.New(o)
	t.Cleanup(r.Close)
	return r
}

// always makes the proxy do the same to all requests, once to the first.
func (r *rig) always(do ...faultproxy.Action) { r.proxy.Set(faultproxy.Rule{Do: do}) }
func (r *rig) once(do ...faultproxy.Action)   { r.proxy.Set(faultproxy.Rule{Do: do, Count: 1}) }

// read reads the extent to its end.
func (r *rig) read() ([]byte, error) { return readAll(r.reader, r.access, r.extent) }

func readAll(reader *s3read.Reader, access creds.Access, e pseudoblock.Extent) ([]byte, error) {
	b, err := reader.Open(context.Background(), access, e)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(b)
	return data, errors.Join(err, b.Close())
}

func (r *rig) want() []byte { return big()[r.extent.Offset:r.extent.End()] }

// good checks that the extent reads well, with n requests.
func (r *rig) good(n int) {
	r.t.Helper()
	got, err := r.read()
	if err != nil || !bytes.Equal(got, r.want()) {
		r.t.Errorf("read %d bytes (equal: %v), error %v", len(got), bytes.Equal(got, r.want()), err)
	}
	r.requests(n)
}

// control checks that without faults the read succeeds with one request.
func (r *rig) control() {
	r.t.Helper()
	r.proxy.Set()
	r.good(1)
}

// fails checks that the read gives an error of the kind, no wrong byte, and
// makes n requests.
func (r *rig) fails(kind s3read.Kind, n int) *s3read.Error {
	r.t.Helper()
	got, err := r.read()
	e := wantKind(r.t, err, kind)
	if len(got) >= len(r.want()) || !bytes.HasPrefix(r.want(), got) {
		r.t.Errorf("an error, but also %d bytes", len(got))
	}
	r.requests(n)
	return e
}

func (r *rig) requests(n int) {
	r.t.Helper()
	if log := r.proxy.Log(); len(log) != n {
		r.t.Errorf("%d requests in place of %d: %v", len(log), n, log)
	}
}

// wantKind checks the kind of an error and returns it, never nil.
func wantKind(t testing.TB, err error, kind s3read.Kind) *s3read.Error {
	t.Helper()
	e := new(s3read.Error)
	if !errors.As(err, &e) {
		t.Errorf("got error %v in place of kind %s", err, kind)
		return &s3read.Error{}
	}
	if e.Kind != kind || e.Text == "" {
		t.Errorf("got kind %s in place of %s: %s (%v)", e.Kind, kind, e.Text, e.Err)
	}
	return e
}

// rawAccess is access to a Raw responder or any other URL.
func rawAccess(url string) creds.Access {
	return creds.Access{Endpoint: &creds.Endpoint{Name: "raw", URL: url, Region: testenv.Region, PathStyle: true},
		Provider: testenv.Keys("AKIDEXAMPLE", "secret")}
}

// small is an extent for Raw responders.
var small = pseudoblock.Extent{Object: locator.Object{Bucket: "bucket", Key: "key", VersionID: "v1"}, Offset: 2, Size: 5}

// goodReply is the right answer for small.
const goodReply = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-6/9\r\nContent-Length: 5\r\n" +
	"ETag: \"e\"\r\nX-Amz-Version-Id: v1\r\nConnection: close\r\n\r\nhello"

// rawControl checks that the good reply is accepted.
func rawControl(t *testing.T) {
	t.Helper()
	raw := faultproxy.NewRaw(t, faultproxy.Text(goodReply))
	got, err := readAll(newReader(t, patient), rawAccess(raw.URL()), small)
	if err != nil || string(got) != "hello" {
		t.Errorf("control: %q, %v", got, err)
	}
}

func write(c net.Conn, text string) error {
	_, err := io.WriteString(c, text)
	return err
}
