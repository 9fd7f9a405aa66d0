// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

func errorXML(code, more string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code>" + more + "<RequestId>1</RequestId></Error>"
}

func TestR10TransientStatuses(t *testing.T) {
	for name, answer := range map[string]faultproxy.Action{
		"500":             faultproxy.Answer(500, errorXML("InternalError", "")),
		"502":             faultproxy.Answer(502, "<html>bad gateway</html>"),
		"503":             faultproxy.Answer(503, ""),
		"503 SlowDown":    faultproxy.Answer(503, errorXML("SlowDown", "<Message>Reduce your request rate.</Message>")),
		"504":             faultproxy.Answer(504, ""),
		"429":             faultproxy.Answer(429, errorXML("TooManyRequests", "")),
		"400 RequestTime": faultproxy.Answer(400, errorXML("RequestTimeout", "")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, patient)
			r.once(answer)
			r.good(2)
			r.proxy.Set(faultproxy.Rule{Do: actions{answer}, Count: 2})
			r.good(3)
			r.always(answer)
			r.fails(s3read.SlowDown, 4)
			r.control()
		})
	}
}

func TestR10RetryBudget(t *testing.T) {
	r := newRig(t, patient)
	r.always(faultproxy.Answer(503, ""))
	const reads = 200
	r.extent.Size = 1000
	done := make(chan error, reads)
	for range reads {
		go func() {
			_, err := r.read()
			done <- err
		}()
	}
	for range reads {
		wantKind(t, <-done, s3read.SlowDown)
	}
	if n := len(r.proxy.Log()); n >= reads*2 {
		t.Errorf("%d requests for %d reads: the budget did not hold", n, reads)
	}
}

func TestR11NotFound(t *testing.T) {
	r := newRig(t, patient)
	good := r.extent
	for name, o := range map[string]locator.Object{
		"key":     {Bucket: faultBucket, Key: "missing", VersionID: good.Object.VersionID},
		"version": {Bucket: faultBucket, Key: good.Object.Key, VersionID: "b4f3dd7a-2b5b-4a4b-8f63-2d9d5c7f8a11"},
		"bucket":  {Bucket: "missing-bucket", Key: "key", VersionID: good.Object.VersionID},
	} {
		r.extent.Object = o
		r.proxy.Set()
		kind := s3read.NotFound
		if name == "bucket" {
			kind = s3read.NoBucket
		}
		if e := r.fails(kind, 1); name == "bucket" != strings.HasPrefix(e.Text, "the bucket missing-bucket") {
			t.Errorf("%s: %s", name, e.Text)
		}
	}
	r.extent = good
	r.always(faultproxy.Answer(404, ""))
	r.fails(s3read.NotFound, 1)
	r.control()
}

func TestR12R13DeletedVersions(t *testing.T) {
	r := newRig(t, patient)
	ctx, client := context.Background(), r.server.Client(t)
	o := put(t, faultBucket, "deleted", []byte("0123456789"))
	gone, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &o.Bucket, Key: &o.Key})
	if err != nil {
		t.Fatal(err)
	}
	extent := pseudoblock.Extent{Object: o, Offset: 1, Size: 3}
	if got, err := readAll(r.reader, r.access, extent); err != nil || string(got) != "123" {
		t.Errorf("behind a delete marker: %q, %v", got, err)
	}
	marker := extent
	marker.Object.VersionID = *gone.VersionId
	_, err = readAll(r.reader, r.access, marker)
	if e := wantKind(t, err, s3read.NotFound); !strings.Contains(e.Text, "this version is a delete marker") {
		t.Errorf("R-12: %s", e.Text)
	}
	_, err = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.VersionID})
	if err != nil {
		t.Fatal(err)
	}
	_, err = readAll(r.reader, r.access, extent)
	if e := wantKind(t, err, s3read.NotFound); !strings.Contains(e.Text, o.URL()) || !strings.Contains(e.Text, "lifecycle") {
		t.Errorf("R-13: %s", e.Text)
	}
}

func TestR14R15Refusals(t *testing.T) {
	const sse = "<Message>The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.</Message>"
	for name, c := range map[string]struct {
		answer faultproxy.Action
		kind   s3read.Kind
		text   string
	}{
		"R-14 archived":       {faultproxy.Answer(403, errorXML("InvalidObjectState", "<StorageClass>DEEP_ARCHIVE</StorageClass>")), s3read.Archived, "(DEEP_ARCHIVE): restore it first"},
		"R-15 policy":         {faultproxy.Answer(403, errorXML("AccessDenied", "<Message>Access Denied</Message>")), s3read.Denied, "grant s3:GetObjectVersion (without s3:ListBucket"},
		"R-15 requester pays": {faultproxy.Answer(403, errorXML("AccessDenied", "")), s3read.Denied, "set requester_pays"},
		"R-15 KMS":            {faultproxy.Answer(403, errorXML("AccessDenied", "<Message>User is not authorized to perform: kms:Decrypt on the resource</Message>")), s3read.Denied, "grant kms:Decrypt"},
		"R-15 no body":        {faultproxy.Answer(403, ""), s3read.Denied, "s3:GetObjectVersion"},
		"SSE-C":               {faultproxy.Answer(400, errorXML("InvalidRequest", sse)), s3read.CustomerKey, "SSE-C"},
		"expired":             {faultproxy.Answer(400, errorXML("ExpiredToken", "")), s3read.CredsExpired, "has expired or was withdrawn"},
		"unknown key":         {faultproxy.Answer(403, errorXML("InvalidAccessKeyId", "")), s3read.CredsExpired, "has expired or was withdrawn"},
		"versitygw":           {faultproxy.Answer(404, errorXML("XAdminUserNotFound", "")), s3read.CredsExpired, "has expired or was withdrawn"},
		"signature":           {faultproxy.Answer(403, errorXML("SignatureDoesNotMatch", "")), s3read.CredsExpired, "the signature is wrong"},
		"clock":               {faultproxy.Answer(403, errorXML("RequestTimeTooSkewed", "")), s3read.ClockSkew, "check the clock"},
		"region":              {faultproxy.Answer(400, errorXML("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")), s3read.WrongRegion, `set region "eu-west-1"`},
		"not implemented":     {faultproxy.Answer(501, errorXML("NotImplemented", "")), s3read.BadReply, "does not implement versions"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, patient)
			r.always(c.answer)
			if e := r.fails(c.kind, 1); !strings.Contains(e.Text, c.text) {
				t.Errorf("the sentence %q lacks %q", e.Text, c.text)
			}
			r.control()
		})
	}
}

func TestR15RequesterPaysOnlyWhereEnabled(t *testing.T) {
	r := newRig(t, patient)
	r.control()
	if got := r.proxy.Log()[0].Payer; got != "" {
		t.Errorf("the header %q was sent", got)
	}
	r.access.RequesterPays = true
	r.control()
	if got := r.proxy.Log()[0].Payer; got != "requester" {
		t.Errorf("the header is %q", got)
	}
}

func TestR16MalformedVersion(t *testing.T) {
	r := newRig(t, patient)
	good := r.extent
	r.extent.Object.VersionID = "no-version-of-this-server"
	r.proxy.Set()
	if e := r.fails(s3read.NotFound, 1); e.Status != 400 {
		t.Errorf("expected the 400 of MinIO, got %d", e.Status)
	}
	r.extent = good
	r.control()
}

func TestR17R28PastEnd(t *testing.T) {
	r := newRig(t, patient)
	hundred := put(t, faultBucket, "hundred", big()[:100])
	empty := put(t, faultBucket, "empty", nil)
	for _, c := range []struct {
		o            locator.Object
		offset, size int64
		want         string
	}{
		{hundred, 98, 5, "the object has only 100"},
		{hundred, 100, 1, "the object has only 100"},
		{hundred, 1 << 40, 1 << 40, "the object has only 100"},
		{empty, 0, 1, "the object has only 0"},
	} {
		r.proxy.Set()
		_, err := readAll(r.reader, r.access, pseudoblock.Extent{Object: c.o, Offset: c.offset, Size: c.size})
		e := wantKind(t, err, s3read.PastEnd)
		if !strings.Contains(e.Text, c.want) || !strings.Contains(e.Text, fmt.Sprintf("offset %d + size %d", c.offset, c.size)) {
			t.Errorf("%s", e.Text)
		}
		r.requests(1)
	}
	r.proxy.Set()
	got, err := readAll(r.reader, r.access, pseudoblock.Extent{Object: hundred, Offset: 98, Size: 2})
	if err != nil || !bytes.Equal(got, big()[98:100]) {
		t.Errorf("control: %q, %v", got, err)
	}
	r.proxy.Set()
	if _, err := readAll(r.reader, r.access, pseudoblock.Extent{Object: hundred}); err == nil {
		t.Error("a read of nothing was accepted")
	}
	r.requests(0)
}

func TestR18EndlessErrorBody(t *testing.T) {
	var sent atomic.Int64
	raw := faultproxy.NewRaw(t, func(_ int, c net.Conn) {
		piece := strings.Repeat("x", 64<<10)
		for err := write(c, "HTTP/1.1 403 Forbidden\r\n\r\n"); err == nil; err = write(c, piece) {
			sent.Add(int64(len(piece)))
		}
	})
	_, err := readAll(newReader(t, patient), rawAccess(raw.URL()), small)
	wantKind(t, err, s3read.Denied)
	if n := sent.Load(); n > 64*mib {
		t.Errorf("%d bytes of an error body were taken", n)
	}
	rawControl(t)
}

func TestR19OddErrorBodies(t *testing.T) {
	bodies := map[string]string{
		"empty":    "",
		"html":     "<html><body><h1>403</h1><br></body></html>",
		"text":     "go away",
		"charset":  `<?xml version="1.0" encoding="EBCDIC"?><Error><Code>NoSuchKey</Code></Error>`,
		"entities": `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Error><Code>&b;</Code></Error>`,
		"nested":   strings.Repeat("<Error>", 10000),
		"binary":   string(big()[:1000]),
		"huge":     "<Error>" + strings.Repeat("<X>y</X>", 100_000),
	}
	r := newRig(t, patient)
	for name, body := range bodies {
		for status, kind := range map[int]s3read.Kind{403: s3read.Denied, 404: s3read.NotFound, 410: s3read.NotFound, 418: s3read.BadReply} {
			r.always(faultproxy.Answer(status, body))
			if e := r.fails(kind, 1); e.Code != "" {
				t.Errorf("%s: the code %q came out of it", name, e.Code)
			}
		}
	}
	r.control()
}

func TestR23ChangedUnderAnEtagPin(t *testing.T) {
	r := newRig(t, patient)
	const bucket = "unversioned"
	r.server.Bucket(t, bucket, false)
	put(t, bucket, "key", big()[:mib])
	info, err := r.reader.Head(context.Background(), r.access, locator.Object{Bucket: bucket, Key: "key"})
	if err != nil || info.Object.VersionID != "" {
		t.Fatalf("%+v, %v", info, err)
	}
	pinned := pseudoblock.Extent{Object: locator.Object{Bucket: bucket, Key: "key", ETag: info.ETag}, Offset: 1000, Size: 1000}
	if got, err := readAll(r.reader, r.access, pinned); err != nil || !bytes.Equal(got, big()[1000:2000]) {
		t.Errorf("control: %d bytes, %v", len(got), err)
	}
	r.once(faultproxy.CloseAt(500))
	b, err := r.reader.Open(context.Background(), r.access, pinned)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadFull(b, make([]byte, 500))
	if err != nil {
		t.Fatal(err)
	}
	put(t, bucket, "key", big()[mib:2*mib])
	_, err = b.Read(make([]byte, 500))
	wantKind(t, err, s3read.Changed)
	_ = b.Close()
	_, err = readAll(r.reader, r.access, pinned)
	wantKind(t, err, s3read.Changed)
}

func TestR26Head(t *testing.T) {
	r := newRig(t, patient)
	ctx := context.Background()
	for name, c := range map[string]struct {
		do   actions
		kind s3read.Kind
	}{
		"other version": {actions{faultproxy.SetHeader("X-Amz-Version-Id", "other")}, s3read.BadReply},
		"no length":     {actions{faultproxy.DropHeader("Content-Length"), faultproxy.Frame(faultproxy.Close)}, s3read.BadReply},
		"marker":        {actions{faultproxy.Answer(405, ""), faultproxy.SetHeader("X-Amz-Delete-Marker", "true")}, s3read.NotFound},
		"denied":        {actions{faultproxy.Answer(403, "")}, s3read.Denied},
		"missing":       {actions{faultproxy.Answer(404, "")}, s3read.NotFound},
		"malformed":     {actions{faultproxy.Answer(400, "")}, s3read.NotFound},
		"wrong region":  {actions{faultproxy.Answer(400, ""), faultproxy.SetHeader("X-Amz-Bucket-Region", "eu-west-1")}, s3read.WrongRegion},
		"our region":    {actions{faultproxy.Answer(400, ""), faultproxy.SetHeader("X-Amz-Bucket-Region", "us-east-1")}, s3read.NotFound},
		"redirect":      {actions{faultproxy.Redirect(307, "http://127.0.0.1:1/")}, s3read.BadReply},
	} {
		r.always(c.do...)
		_, err := r.reader.Head(ctx, r.access, bigObject)
		if e := wantKind(t, err, c.kind); strings.Contains(e.Text, "Forbidden") {
			t.Errorf("%s: %s", name, e.Text)
		}
		if name == "missing" { // the bucket might be, so one GET asks, not again for a minute
			_, err := r.reader.Head(ctx, r.access, bigObject)
			wantKind(t, err, c.kind)
			r.requests(3)
			continue
		}
		r.requests(1)
	}
	r.proxy.Set()
	info, err := r.reader.Head(ctx, r.access, bigObject)
	if err != nil || info.Size != 10*mib || info.Object != bigObject || info.Archived || info.LastModified.IsZero() {
		t.Errorf("control: %+v, %v", info, err)
	}
	r.requests(1)
}

func TestHeadKnowsArchives(t *testing.T) {
	r := newRig(t, patient)
	for _, c := range []struct {
		do   actions
		want bool
	}{
		{actions{faultproxy.SetHeader("X-Amz-Storage-Class", "GLACIER")}, true},
		{actions{faultproxy.SetHeader("X-Amz-Storage-Class", "GLACIER"), faultproxy.SetHeader("X-Amz-Restore", `ongoing-request="true"`)}, true},
		{actions{faultproxy.SetHeader("X-Amz-Storage-Class", "GLACIER"), faultproxy.SetHeader("X-Amz-Restore", `ongoing-request="false", expiry-date="…"`)}, false},
		{actions{faultproxy.SetHeader("X-Amz-Storage-Class", "INTELLIGENT_TIERING"), faultproxy.SetHeader("X-Amz-Archive-Status", "ARCHIVE_ACCESS")}, true},
		{actions{faultproxy.SetHeader("X-Amz-Storage-Class", "GLACIER_IR")}, false},
	} {
		r.always(c.do...)
		info, err := r.reader.Head(context.Background(), r.access, bigObject)
		if err != nil || info.Archived != c.want {
			t.Errorf("archived %v, want %v; %v", info.Archived, c.want, err)
		}
	}
}

func TestR27CanceledInThePause(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	o := patient
	o.Observe = func(s3read.Event) { cancel() }
	r := newRig(t, o)
	r.always(faultproxy.ResetAt(faultproxy.BeforeHeaders))
	_, err := r.reader.Open(ctx, r.access, r.extent)
	wantKind(t, err, s3read.Canceled)
	r.requests(1)
	r.control()
}

// wordyError is an error of another package, with a word of its own.
type wordyError struct{}

func (wordyError) Error() string { return "the API server is down" }
func (wordyError) Word() string  { return "api-unavailable" }

func TestErrorsOfCredentialsPassThrough(t *testing.T) {
	r := newRig(t, patient)
	r.access.Provider = failingProvider{}
	r.proxy.Set()
	_, err := r.read()
	if e := new(creds.Error); !errors.As(err, &e) || e.Kind != creds.Unavailable {
		t.Errorf("got %v", err)
	}
	for _, known := range []error{wordyError{}, fmt.Errorf("wrapped: %w", wordyError{}), &creds.Error{Kind: creds.Expired}} {
		r.access.Provider = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, known })
		if _, err := r.read(); err != known {
			t.Errorf("got %v, want %v as it is", err, known)
		}
	}
	r.requests(0)
}

// TestS05KeysStayOutOfCauses: the cause of an error is for the log, where keys do
// not belong, and says who was refused.
func TestS05KeysStayOutOfCauses(t *testing.T) {
	const who = "User: arn:aws:sts::111122223333:assumed-role/keep/s is not authorized to perform: s3:GetObject"
	for _, resource := range []string{`"arn:aws:s3:::data/patient 7.bam" because no policy allows it`, `"arn:aws:s3:::data/patient`, `arn:aws:s3:::data/patient and "arn:aws:s3:::data/patient"`} {
		r := newRig(t, patient)
		r.always(faultproxy.Answer(403, errorXML("AccessDenied", "<Message>"+who+" on resource: "+resource+"</Message>")))
		e := r.fails(s3read.Denied, 1)
		if e.Err == nil || strings.Contains(e.Err.Error(), "patient") || !strings.Contains(e.Err.Error(), who) {
			t.Errorf("%s: the cause is %v", resource, e.Err)
		}
	}
}
