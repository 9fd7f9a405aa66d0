// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/s3read"
)

type actions = []faultproxy.Action

func whole(b []byte) []byte { return big() }

// wrongReplies break one rule of the acceptance each.
var wrongReplies = map[string]actions{
	"R-01 200 with the whole object":    {faultproxy.Status(200), faultproxy.DropHeader("Content-Range"), faultproxy.Body(whole)},
	"R-01 200 with the size, elsewhere": {faultproxy.Status(200), faultproxy.DropHeader("Content-Range"), faultproxy.Body(func([]byte) []byte { return big()[:mib] })},
	"R-01 200 with Content-Range":       {faultproxy.Status(200)},
	"R-01 204":                          {faultproxy.Answer(204, "")},
	"R-02 Content-Range shifted":        {faultproxy.SetHeader("Content-Range", "bytes 0-1048575/10485760")},
	"R-02 Content-Range longer":         {faultproxy.SetHeader("Content-Range", "bytes 3145728-4194304/10485760")},
	"R-02 Content-Range shorter":        {faultproxy.SetHeader("Content-Range", "bytes 3145728-4194302/10485760")},
	"R-02 Content-Range missing":        {faultproxy.DropHeader("Content-Range")},
	"R-02 Content-Range twice":          {faultproxy.AddHeader("Content-Range", "bytes 3145728-4194303/10485760")},
	"R-02 Content-Range malformed":      {faultproxy.SetHeader("Content-Range", "bytes 0--1/0")},
	"R-02 Content-Range total unknown":  {faultproxy.SetHeader("Content-Range", "bytes 3145728-4194303/*")},
	"R-02 Content-Range total too low":  {faultproxy.SetHeader("Content-Range", "bytes 3145728-4194303/4194303")},
	"R-02 Content-Length other":         {faultproxy.Append("x")},
	"R-03 version other":                {faultproxy.SetHeader("X-Amz-Version-Id", "00000000-0000-0000-0000-000000000000")},
	"R-03 version missing":              {faultproxy.DropHeader("X-Amz-Version-Id")},
	"R-03 version twice":                {faultproxy.AddHeader("X-Amz-Version-Id", "other")},
	"R-03 delete marker":                {faultproxy.SetHeader("X-Amz-Delete-Marker", "true")},
}

func TestR01R02R03WrongRepliesAreRefused(t *testing.T) {
	r := newRig(t, patient)
	for name, do := range wrongReplies {
		t.Run(name, func(t *testing.T) {
			r.t = t
			r.always(do...)
			if b, err := r.reader.Open(context.Background(), r.access, r.extent); err == nil {
				t.Errorf("R-22: Open accepted the reply: %v", b.Close())
			}
			r.always(do...)
			r.fails(s3read.BadReply, 1)
			r.control()
		})
	}
}

func TestR04BrokenBodyIsResumed(t *testing.T) {
	for _, at := range []int{0, 1, mib / 2, mib - 1} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			r := newRig(t, patient)
			r.once(faultproxy.CloseAt(at))
			r.good(2)
			r.resumed(at)
			r.control()
		})
	}
}

// resumed checks that the second request asks for exactly what was missing.
func (r *rig) resumed(at int) {
	r.t.Helper()
	log := r.proxy.Log()
	if len(log) < 2 {
		return // reported already
	}
	first, second := log[0], log[1]
	want := fmt.Sprintf("bytes=%d-%d", r.extent.Offset+int64(at), r.extent.End()-1)
	if second.Range != want || second.Query != first.Query || !strings.HasPrefix(second.IfMatch, `"`) {
		r.t.Errorf("resumed with %v in place of range %s", second, want)
	}
	if second.Conn == first.Conn {
		r.t.Errorf("resumed on the broken connection")
	}
}

func TestR05ShortBodyWithoutLengthIsResumed(t *testing.T) {
	for name, frame := range map[string]faultproxy.Framing{"closed": faultproxy.Close, "chunked": faultproxy.Chunked} {
		for _, at := range []int{0, 1, mib / 2, mib - 1} {
			t.Run(fmt.Sprint(name, at), func(t *testing.T) {
				r := newRig(t, patient)
				r.once(faultproxy.Frame(frame), faultproxy.Truncate(at))
				r.good(2)
				r.resumed(at)
				r.once(faultproxy.Frame(frame)) // control: a whole body without length
				r.good(1)
			})
		}
	}
}

func TestR05ShortForEver(t *testing.T) {
	r := newRig(t, patient)
	r.always(faultproxy.Frame(faultproxy.Chunked), faultproxy.Truncate(1000))
	r.fails(s3read.BadReply, 4)
	r.control()
}

func TestR06LongBodyIsRefused(t *testing.T) {
	for name, frame := range map[string]faultproxy.Framing{"closed": faultproxy.Close, "chunked": faultproxy.Chunked} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, patient)
			r.always(faultproxy.Frame(frame), faultproxy.Append("x"))
			r.fails(s3read.BadReply, 1)
			broken := r.proxy.Log()[0].Conn
			r.control()
			if r.proxy.Log()[0].Conn == broken {
				t.Error("the connection of the long body was used again")
			}
		})
	}
}

func TestR07Stalls(t *testing.T) {
	for name, at := range map[string]int{"before headers": faultproxy.BeforeHeaders, "at 0": 0, "at 1000": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, hasty)
			r.once(faultproxy.StallAt(at))
			r.good(2)
			if at >= 0 {
				r.resumed(at)
			}
			r.always(faultproxy.StallAt(at))
			r.fails(s3read.Deadline, 4)
			r.control()
		})
	}
}

func TestR08TrickleIsEnded(t *testing.T) {
	r := newRig(t, hasty)
	r.once(faultproxy.Trickle(10 * time.Millisecond))
	r.good(2)
	r.control()
}

func TestR08SlowConsumerIsNotAStall(t *testing.T) {
	r := newRig(t, s3read.Options{Stall: 100 * time.Millisecond})
	r.proxy.Set()
	b, err := r.reader.Open(context.Background(), r.access, r.extent)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for range 3 {
		time.Sleep(200 * time.Millisecond) // the thing under test: a reader that takes its time
		_, _ = io.CopyN(&got, b, 1000)     // the final comparison tells
	}
	_, err = b.WriteTo(&got)
	if err != nil || !bytes.Equal(got.Bytes(), r.want()) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	_ = b.Close()
	r.requests(1)
}

func TestR09ResetIsRetried(t *testing.T) {
	for name, at := range map[string]int{"before headers": faultproxy.BeforeHeaders, "at 0": 0, "in body": mib / 2} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, patient)
			r.once(faultproxy.ResetAt(at))
			got, err := r.read()
			if err != nil || !bytes.Equal(got, r.want()) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if n := len(r.proxy.Log()); n != 2 {
				t.Errorf("%d requests", n)
			}
			r.control()
		})
	}
}

func TestR20StoredBytesAreNotDecoded(t *testing.T) {
	r := newRig(t, patient)
	r.once(faultproxy.SetHeader("Content-Encoding", "gzip"))
	r.good(1)
	r.control()
}

func TestR21LateFailureIsAnError(t *testing.T) {
	r := newRig(t, patient)
	r.always(faultproxy.CloseAt(1000))
	b, err := r.reader.Open(context.Background(), r.access, r.extent)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(b)
	wantKind(t, err, s3read.Unreachable)
	if len(got) != 4000 || !bytes.Equal(got, r.want()[:4000]) {
		t.Errorf("%d bytes came before the error", len(got))
	}
	if _, again := b.Read(make([]byte, 1)); !errors.Is(again, err) && again.Error() != err.Error() {
		t.Errorf("the error changed to %v", again)
	}
	_ = b.Close()
	r.requests(4)
	r.control()
}

func TestResumeRefusesAnotherObject(t *testing.T) {
	for name, do := range map[string]faultproxy.Action{
		"other etag":  faultproxy.SetHeader("Etag", `"other"`),
		"other total": faultproxy.SetHeader("Content-Range", "bytes 3146728-4194303/99999999"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, patient)
			r.proxy.Set(faultproxy.Rule{Do: actions{faultproxy.CloseAt(1000)}, Count: 1}, faultproxy.Rule{Do: actions{do}, From: 1})
			r.fails(s3read.BadReply, 2)
			r.control()
		})
	}
}
