// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/internal/volume/s3volume"
	"github.com/arvados-s3/keepstore/internal/volume/volumetest"
)

// rig is a volume on MinIO behind a fault proxy.
type rig struct {
	*s3volume.Volume
	t     *testing.T
	proxy *faultproxy.Proxy
	// direct is the same volume without the proxy.
	direct *s3volume.Volume
	seen   *volumetest.Seen
}

func newRig(t *testing.T, bucket string) *rig {
	server := servers.MinIO(t)
	server.Bucket(t, bucket, false)
	r := &rig{t: t, proxy: faultproxy.New(t, server.URL), seen: &volumetest.Seen{}}
	o := s3volume.Options{Access: server.Access(), Bucket: bucket, TrashLifetime: time.Hour, MaxAttempts: 3, Observe: r.seen.Observe}
	r.direct = open(t, o)
	o.Access = creds.Access{Endpoint: server.Endpoint(r.proxy.URL()), Provider: server.Access().Provider}
	r.Volume = open(t, o)
	return r
}

func (r *rig) put(n int) volume.Block {
	r.t.Helper()
	b := volumetest.Block(r.t, volumetest.Data(n))
	if err := r.direct.Put(context.Background(), b); err != nil {
		r.t.Fatal(err)
	}
	return b
}

func get(v volume.Reader, b volume.Block) error {
	n, err := v.Get(context.Background(), b.Hash(), make([]byte, volume.MaxSize))
	if err == nil && volume.Sum(b.Data()) != b.Hash() || err == nil && n != len(b.Data()) {
		return errors.New("wrong bytes")
	}
	return err
}

func errorDocument(code string) string { return "<Error><Code>" + code + "</Code></Error>" }

// TestReadFaults: a fault that passes is tried again, one that stays is an
// error and never a missing or a damaged block.
func TestReadFaults(t *testing.T) {
	r := newRig(t, "read-faults")
	b := r.put(300_000)
	for name, fault := range map[string]faultproxy.Action{
		"cut":       faultproxy.CloseAt(1000),
		"reset":     faultproxy.ResetAt(1000),
		"slow down": faultproxy.Answer(http.StatusServiceUnavailable, errorDocument("SlowDown")),
		"500":       faultproxy.Answer(http.StatusInternalServerError, errorDocument("InternalError")),
		"206":       faultproxy.Status(http.StatusPartialContent),
	} {
		r.proxy.Set(faultproxy.Rule{Method: "GET", Count: 1, Do: []faultproxy.Action{fault}})
		if err := get(r, b); err != nil {
			t.Errorf("%s once: %v (%v)", name, err, errors.Unwrap(err))
		}
		r.proxy.Set(faultproxy.Rule{Method: "GET", Do: []faultproxy.Action{fault}})
		if err := get(r, b); !volume.IsKind(err, volume.VolumeError) {
			t.Errorf("%s always: %v", name, err)
		}
		if n := len(r.proxy.Log()); n != 3 {
			t.Errorf("%s always: %d requests", name, n)
		}
	}
	for name, fault := range map[string]faultproxy.Action{
		"no bucket": faultproxy.Answer(http.StatusNotFound, errorDocument("NoSuchBucket")),
		"denied":    faultproxy.Answer(http.StatusForbidden, errorDocument("AccessDenied")),
		"redirect":  faultproxy.Redirect(http.StatusTemporaryRedirect, "http://169.254.169.254/"),
	} {
		r.proxy.Set(faultproxy.Rule{Do: []faultproxy.Action{fault}})
		if err := get(r, b); !volume.IsKind(err, volume.VolumeError) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(r.proxy.Log()); n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	r.proxy.Set()
	if err := get(r, b); err != nil || len(r.seen.Events()) != 0 {
		t.Errorf("%v, reported %v", err, r.seen.Events())
	}
}

// TestDamageOnTheWay: bytes that are wrong once are no reason to move a block.
func TestDamageOnTheWay(t *testing.T) {
	r := newRig(t, "on-the-way")
	b := r.put(1000)
	r.proxy.Set(faultproxy.Rule{Method: "GET", Count: 1, Do: []faultproxy.Action{faultproxy.Corrupt(500)}})
	wantKind(t, get(r, b), volume.VolumeError)
	if err := get(r, b); err != nil || len(r.seen.Events()) != 0 {
		t.Errorf("%v, reported %v", err, r.seen.Events())
	}
}

// TestFull: how servers say that there is no room.
func TestFull(t *testing.T) {
	r := newRig(t, "full")
	for _, fault := range []faultproxy.Action{
		faultproxy.Answer(http.StatusInsufficientStorage, errorDocument("XMinioStorageFull")),
		faultproxy.Answer(http.StatusForbidden, errorDocument("QuotaExceeded")),
		faultproxy.Answer(http.StatusInsufficientStorage, ""),
	} {
		b := volumetest.Block(t, volumetest.Data(100))
		r.proxy.Set(faultproxy.Rule{Method: "PUT", Do: []faultproxy.Action{fault}})
		wantKind(t, r.Put(context.Background(), b), volume.VolumeFull)
		r.proxy.Set()
		if err := r.Put(context.Background(), b); err != nil {
			t.Error(err)
		}
	}
}

// TestPutFaults: a Put that did not write both objects is not acknowledged.
func TestPutFaults(t *testing.T) {
	r := newRig(t, "put-faults")
	for name, path := range map[string]string{"block": "put-faults/[0-9a-f]", "time": "recent/"} {
		b := volumetest.Block(t, volumetest.Data(100))
		rule := faultproxy.Rule{Method: "PUT", Path: regexp.MustCompile(path),
			Do: []faultproxy.Action{faultproxy.Answer(http.StatusServiceUnavailable, errorDocument("SlowDown"))}}
		r.proxy.Set(rule)
		if err := r.Put(context.Background(), b); !volume.IsKind(err, volume.VolumeError) {
			t.Errorf("%s: %v", name, err)
		}
		rule.Count = 1
		r.proxy.Set(rule)
		if err := r.Put(context.Background(), b); err != nil {
			t.Errorf("%s once: %v", name, err)
		}
		if err := get(r.direct, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCopyFailsLate: S3 may answer a copy with 200 and an error document. Then
// nothing is deleted.
func TestCopyFailsLate(t *testing.T) {
	r := newRig(t, "copy-late")
	b := r.put(100)
	r.proxy.Set(faultproxy.Rule{Method: "PUT", Path: regexp.MustCompile("trash/"),
		Do: []faultproxy.Action{faultproxy.Answer(http.StatusOK, errorDocument("InternalError"))}})
	done, err := r.Trash(context.Background(), b.Hash(), time.Now().Add(time.Hour))
	if done || !volume.IsKind(err, volume.VolumeError) {
		t.Errorf("%v, %v", done, err)
	}
	if err := get(r.direct, b); err != nil {
		t.Error(err)
	}
}

// TestIndexFaults: a listing that breaks off, or does not advance, is an error.
func TestIndexFaults(t *testing.T) {
	r := newRig(t, "index-faults")
	for range 3 {
		r.put(10)
	}
	count := func() (n int, err error) {
		err = r.Index(context.Background(), "", func(volume.Info) error { n++; return nil })
		return n, err
	}
	for name, path := range map[string]string{"blocks": "max-keys=1000$", "times": "prefix=recent"} {
		for fault, do := range map[string]faultproxy.Action{
			"cut":     faultproxy.Truncate(300),
			"no page": faultproxy.Answer(http.StatusOK, "<html>proxy</html>"),
			"gone":    faultproxy.Answer(http.StatusNotFound, errorDocument("NoSuchBucket")),
		} {
			r.proxy.Set(faultproxy.Rule{Path: regexp.MustCompile(path), Do: []faultproxy.Action{do}})
			if n, err := count(); !volume.IsKind(err, volume.VolumeError) {
				t.Errorf("%s %s: %d blocks, error %v", name, fault, n, err)
			}
		}
	}
	r.proxy.Set()
	if n, err := count(); n != 3 || err != nil {
		t.Errorf("%d blocks, %v", n, err)
	}
}

// TestIndexDoesNotAdvance: a listing that says for ever that there is more.
func TestIndexDoesNotAdvance(t *testing.T) {
	r := newRig(t, "endless")
	prefix := string(r.put(10).Hash()[:3])
	more := faultproxy.Body(func(b []byte) []byte {
		return []byte(strings.ReplaceAll(string(b), "<IsTruncated>false", "<NextContinuationToken>eA==</NextContinuationToken><IsTruncated>true"))
	})
	r.proxy.Set(faultproxy.Rule{Path: regexp.MustCompile("prefix=" + prefix), Do: []faultproxy.Action{more}})
	err := r.Index(context.Background(), prefix, func(volume.Info) error { return nil })
	wantKind(t, err, volume.VolumeError)
}

// TestCrossedTrash: another server puts the block again between the last look
// of Trash and its delete. Whoever misses the block brings it back.
func TestCrossedTrash(t *testing.T) {
	for name, use := range map[string]func(*rig, volume.Block) error{
		"get":         func(r *rig, b volume.Block) error { return get(r.direct, b) },
		"touch":       func(r *rig, b volume.Block) error { return r.direct.Touch(context.Background(), b.Hash()) },
		"put":         func(r *rig, b volume.Block) error { return r.direct.Put(context.Background(), b) },
		"empty trash": func(r *rig, _ volume.Block) error { return emptyLater(r) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "crossed-"+regexp.MustCompile("[^a-z]").ReplaceAllString(name, ""))
			b := r.put(100)
			nextSecond()
			r.proxy.Set(faultproxy.Rule{Method: "DELETE", Choose: func() []faultproxy.Action {
				if err := r.direct.Put(context.Background(), b); err != nil {
					t.Error(err)
				}
				return nil
			}})
			done, err := r.Trash(context.Background(), b.Hash(), time.Now().Add(time.Hour))
			if !done || err != nil {
				t.Fatal(done, err)
			}
			if err := use(r, b); err != nil {
				t.Error(err)
			}
			if err := get(r.direct, b); err != nil {
				t.Error(err)
			}
		})
	}
}

// emptyLater empties the trash when its life time has passed.
func emptyLater(r *rig) error {
	server := servers.MinIO(r.t)
	v := open(r.t, s3volume.Options{Access: server.Access(), Bucket: "crossed-emptytrash", TrashLifetime: time.Hour,
		Now: func() time.Time { return time.Now().Add(2 * time.Hour) }})
	_, err := v.EmptyTrash(context.Background())
	return err
}

// TestTouchedWhileTrashing: a block that is touched while it is copied stays.
func TestTouchedWhileTrashing(t *testing.T) {
	r := newRig(t, "touched")
	b := r.put(100)
	nextSecond()
	r.proxy.Set(faultproxy.Rule{Method: "PUT", Path: regexp.MustCompile("trash/"), Choose: func() []faultproxy.Action {
		if err := r.direct.Touch(context.Background(), b.Hash()); err != nil {
			t.Error(err)
		}
		return nil
	}})
	done, err := r.Trash(context.Background(), b.Hash(), time.Now().Add(time.Hour))
	if done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	if err := get(r.direct, b); err != nil {
		t.Error(err)
	}
}

// TestTrace: how many requests each operation makes, and which.
func TestTrace(t *testing.T) {
	r := newRig(t, "trace")
	b := volumetest.Block(t, volumetest.Data(100))
	ctx := context.Background()
	rows := []struct {
		name string
		do   func() error
		want []string
	}{
		{"put", func() error { return r.Put(ctx, b) }, []string{"GET", "PUT", "PUT recent/"}},
		{"get", func() error { return get(r, b) }, []string{"GET"}},
		{"put again", func() error { return r.Put(ctx, b) }, []string{"GET", "PUT recent/"}},
		{"touch", func() error { return r.Touch(ctx, b.Hash()) }, []string{"HEAD", "PUT recent/"}},
		{"stat", func() error { _, err := r.Stat(ctx, b.Hash()); return err }, []string{"HEAD", "HEAD recent/"}},
	}
	folder := regexp.MustCompile("(recent|trash)/")
	for _, row := range rows {
		r.proxy.Set()
		if err := row.do(); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		var got []string
		for _, q := range r.proxy.Log() {
			line := q.Method
			if f := folder.FindString(q.Path); f != "" {
				line += " " + f
			}
			got = append(got, line)
		}
		if fmt.Sprint(got) != fmt.Sprint(row.want) {
			t.Errorf("%s: %v in place of %v", row.name, got, row.want)
		}
	}
}

func TestOpen(t *testing.T) {
	good := s3volume.Options{Access: access("http://127.0.0.1:1"), Bucket: "bucket", Prefix: "keep/", TrashLifetime: time.Hour}
	open(t, good)
	for name, change := range map[string]func(*s3volume.Options){
		"bucket":    func(o *s3volume.Options) { o.Bucket = "../x" },
		"prefix":    func(o *s3volume.Options) { o.Prefix = "keep" },
		"dots":      func(o *s3volume.Options) { o.Prefix = "a/../" },
		"life time": func(o *s3volume.Options) { o.TrashLifetime = 0 },
	} {
		o := good
		change(&o)
		if _, err := s3volume.Open(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestUnreachable: nobody is there.
func TestUnreachable(t *testing.T) {
	v := open(t, s3volume.Options{Access: access("http://127.0.0.1:1"), Bucket: "bucket", TrashLifetime: time.Hour, MaxAttempts: 2})
	b := volumetest.Block(t, volumetest.Data(10))
	wantKind(t, get(v, b), volume.VolumeError)
	wantKind(t, v.Put(context.Background(), b), volume.VolumeError)
}
