// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestDeletedObject: an object that was overwritten by as many other bytes,
// and then deleted, keeps those that were imported; importing it anew fails and
// says when it was deleted, by which marker.
func TestDeletedObject(t *testing.T) {
	r := newRig(t)
	r.put("k", bytesOf(1, 5000))
	source := []collection.Source{{URL: r.url("k")}}
	c := r.admin.New()
	if _, err := c.ImportFromS3(t.Context(), source, collection.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	r.put("k", bytesOf(2, 5000))
	r.remove("k", "")
	wantBytes(t, over(t, c, r.through(r.keepURL)), "k", bytesOf(1, 5000))
	_, err := r.admin.New().ImportFromS3(t.Context(), source, collection.ImportOptions{})
	if collection.KindOf(err) != collection.Gone || !regexp.MustCompile(r.url("k")+` was deleted: its newest version is a delete marker`).MatchString(err.Error()) {
		t.Errorf("a new import gave %v", err)
	}
	r.put("k", bytesOf(3, 5000)) // and it can be imported once it is there again
	if _, err := r.admin.New().ImportFromS3(t.Context(), source, collection.ImportOptions{}); err != nil {
		t.Error(err)
	}
}

// TestWeakPins: what has no version is refused, with two ways on; where the
// access rule allows it, it is pinned by ETag, marked so for all to see, read
// with If-Match, and an error as soon as it is overwritten.
func TestWeakPins(t *testing.T) {
	r := newRigOn(t, servers.MinIO(t), false)
	for _, key := range []string{"strict/x", "many/x", "many/y"} {
		r.put(key, []byte("the first"))
	}
	for _, url := range []string{r.url("strict/"), r.url("strict/x")} {
		_, err := r.admin.New().ImportFromS3(t.Context(), []collection.Source{{URL: url}}, collection.ImportOptions{})
		if collection.KindOf(err) != "unpinned" || !strings.Contains(err.Error(), r.bucket) || !strings.Contains(err.Error(), "versioning") || !strings.Contains(err.Error(), "unversioned: etag") {
			t.Errorf("%s: %v", url, err)
		}
	}
	c, result := r.imported(r.admin, "many/")
	if result.WeakPins != 2 {
		t.Errorf("the import gave %+v", result)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	loaded, err := r.admin.Load(t.Context(), c.Record().UUID)
	if err != nil {
		t.Fatal(err)
	}
	if known, err := loaded.Sources(); err != nil || len(known) != 1 || known[0].WeakPins != 2 {
		t.Errorf("the mark is %+v, %v", known, err)
	}
	wantBytes(t, loaded, "x", []byte("the first"))
	for _, request := range r.lab.Log() {
		if request.Method == http.MethodGet && strings.Contains(request.Path, "/many/x") && request.IfMatch == "" {
			t.Errorf("read without If-Match: %s", request)
		}
	}
	r.put("many/x", []byte("different")) // as long as before
	late := over(t, loaded, r.through(r.keepURL))
	var known *collection.Error
	if _, err := late.ReadFile("x"); !errors.As(err, &known) || known.Kind != collection.Changed || !strings.Contains(err.Error(), r.url("many/x")) {
		t.Errorf("reading what was overwritten gave %v", err)
	}
	r.lab.Set()
	if report, err := late.Check(t.Context(), collection.CheckOptions{}); err != nil || report.Counts[collection.IsChanged] != 1 || report.Counts[collection.OK] != 1 {
		t.Errorf("the check gave %+v, %v", report, err)
	}
	if n := len(r.lab.Log()); n != 4 { // it will not become again what it was
		t.Errorf("%d requests for two objects and the two settings of their bucket", n)
	}
	r.versionsLater(loaded)
}

// versionsLater switches versions on: what was there before has the version
// "null", which any later write without versions could replace, so it is
// pinned by ETag still.
func (r *rig) versionsLater(c *collection.Collection) {
	t := r.t
	_, err := r.s3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &r.bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	if err != nil {
		t.Fatal(err)
	}
	r.put("many/z", []byte("with a version"))
	r.put("strict/z", []byte("with a version"))
	if _, result := r.imported(r.admin, "many/"); result.Files != 3 || result.WeakPins != 2 {
		t.Errorf("with versions the import gave %+v", result)
	}
	if _, result := r.imported(r.admin, "strict/"); result.Files != 1 || result.SkippedBy["unpinned"] != 1 || result.Status != "partial" {
		t.Errorf("with versions the strict import gave %+v", result)
	}
	wantBytes(t, c, "y", []byte("the first"))
}

// TestNoRightToList: a listing that S3 denies is an error, and never an empty
// import; objects that are named one by one need no listing.
func TestNoRightToList(t *testing.T) {
	r := newRig(t)
	r.put("many/x", []byte("one"))
	r.put("many/y", []byte("two"))
	denied := faultproxy.Answer(http.StatusForbidden, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
	r.lab.Set(faultproxy.Rule{Path: regexp.MustCompile(`[?&](versions|list-type|prefix)`), Do: []faultproxy.Action{denied}})
	c := r.admin.New()
	if result, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: r.url("many/")}}, collection.ImportOptions{}); collection.KindOf(err) != collection.Denied {
		t.Errorf("a denied listing gave %+v, %v", result, err)
	}
	result, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: r.url("many/x")}, {URL: r.url("many/y"), Path: "b/"}}, collection.ImportOptions{})
	if err != nil || result.Files != 2 {
		t.Fatalf("single objects gave %+v, %v", result, err)
	}
	wantBytes(t, c, "b/y", []byte("two"))
}

// TestScatteredReads: a thousand small reads all over a large object fetch
// their bytes from S3 and no others, each by one request, and nothing again.
func TestScatteredReads(t *testing.T) {
	const size, part, reads = 64 << 20, 64 << 10, 1000
	r := newRig(t)
	data := bytesOf(9, size)
	r.put("many/large", data)
	c, _ := r.imported(r.admin, "many/")
	f, err := c.OpenFile(t.Context(), "large")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r.lab.Set()
	random := rand.New(rand.NewPCG(3, 4))
	var offsets []int64
	p := make([]byte, part)
	read := func(at int64) {
		if _, err := f.ReadAt(p, at); err != nil || !bytes.Equal(p, data[at:at+part]) {
			t.Fatalf("at %d: %v", at, err)
		}
	}
	for range reads {
		offsets = append(offsets, random.Int64N(size-part))
		read(offsets[len(offsets)-1])
	}
	requests, fetched := r.fetched()
	if fetched > reads*part || requests > reads+reads/50 {
		t.Errorf("%d bytes in %d requests came from S3 for %d reads of %d", fetched, requests, reads, part)
	}
	r.lab.Set()
	for _, at := range offsets[reads-200:] {
		read(at)
	}
	// Reads that happen to overlap look like a row, ahead of which a little is
	// read.
	if requests, fetched := r.fetched(); fetched > part {
		t.Errorf("%d bytes in %d requests for what was read before", fetched, requests)
	}
}

// fetched counts the requests and bytes that S3 was asked for.
func (r *rig) fetched() (requests int, bytes int64) {
	r.t.Helper()
	for _, request := range r.lab.Log() {
		from, to, ok := span(request.Range)
		if request.Method != http.MethodGet || !ok {
			r.t.Fatalf("there was a request %s", request)
		}
		requests, bytes = requests+1, bytes+to-from+1
	}
	return requests, bytes
}

// span reads the header Range of one range.
func span(header string) (from, to int64, ok bool) {
	n, err := fmt.Sscanf(header, "bytes=%d-%d", &from, &to)
	return from, to, n == 2 && err == nil
}
