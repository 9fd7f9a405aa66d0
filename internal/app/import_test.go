// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

const jsonType = "Content-Type: application/json"

// imported is a parsed answer.
type imported struct {
	reply
	files   []importer.File
	skipped map[string]string // reason by URL without version
	done    *importer.Done
	failed  *importer.Failed
}

func (r *rig) imports(token, body string, headers ...string) imported {
	r.t.Helper()
	got := imported{reply: r.do(http.MethodPost, "/s3/import", token, body, append(headers, jsonType)...), skipped: map[string]string{}}
	if got.StatusCode != 200 || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/x-ndjson") {
		return got
	}
	for line := range strings.Lines(got.body) {
		got.parse(r.t, line)
	}
	return got
}

func (i *imported) parse(t *testing.T, line string) {
	t.Helper()
	var kind struct{ Type string }
	var file importer.File
	var skipped importer.Skipped
	into := map[string]any{"file": &file, "skipped": &skipped, "done": &i.done, "error": &i.failed, "progress": &importer.Progress{}}
	if err := json.Unmarshal([]byte(line), &kind); err != nil || into[kind.Type] == nil {
		t.Fatalf("line %q: %v", line, err)
	}
	if err := json.Unmarshal([]byte(line), into[kind.Type]); err != nil {
		t.Fatalf("line %q: %v", line, err)
	}
	switch kind.Type {
	case "file":
		i.files = append(i.files, file)
	case "skipped":
		url, _, _ := strings.Cut(skipped.URL, "?")
		i.skipped[url] = skipped.Reason
	}
}

// TestImportPrefix imports from both real servers: every key that is there is
// imported or skipped, and every locator reads back what was put (I-02).
func TestImportPrefix(t *testing.T) {
	for _, server := range []string{"lab", "gw"} {
		t.Run(server, func(t *testing.T) { testImportPrefix(t, server) })
	}
}

func testImportPrefix(t *testing.T, endpoint string) {
	s := map[string]*testenv.Server{"lab": servers.MinIO(t), "gw": servers.Versitygw(t)}[endpoint]
	name := bucket(t, s)
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: %s, mode: iam, import: {users: [ALICE]}}\n", name, endpoint))
	want := map[string]string{}
	for _, key := range []string{"a", "a b", "a%20b", "a+b", "a?b", "a#b&c", "\"quoted\"", "back\\slash", "tab\there", "caf\u00e9", "cafe\u0301",
		"\U0001f9ec", "...", ".hidden", "sub/x", "sub/deep/y", "sub-z", "empty"} {
		want[key] = "bytes of " + key
	}
	want["empty"] = ""
	for key, data := range want {
		put(t, s, name, "p/"+key, []byte(data))
	}
	put(t, s, name, "p/deleted", []byte("x"))
	deleteObject(t, s, name, "p/deleted")
	put(t, s, name, "p2/neighbour", []byte("x"))
	request := fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/"}]}`, name)
	got := r.imports(r.alice, request)
	if got.done == nil || got.done.Listed != int64(len(want)+1) || got.skipped["s3://"+name+"/p/deleted"] != "deleted" || len(got.files) != len(want) {
		t.Fatalf("done %+v, skipped %v", got.done, got.skipped)
	}
	for _, f := range got.files {
		if data := r.get(f.Locator, r.alice); data.StatusCode != 200 || data.body != want[f.Path] {
			t.Errorf("%q: got %d %q", f.Path, data.StatusCode, data.body)
		}
		delete(want, f.Path)
	}
	if len(want) > 0 {
		t.Errorf("not imported: %q", want)
	}
	if again := r.imports(r.alice, request); again.done.PDH != got.done.PDH {
		t.Error("importing again gave another portable data hash")
	}
}

func deleteObject(t *testing.T, s *testenv.Server, bucket, key string) {
	t.Helper()
	if _, err := s.Client(t).DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
}

// importing is a rig with a bucket that alice may import.
func importing(t *testing.T) (*rig, string) {
	t.Helper()
	name := bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("allowed_origins: [\"https://workbench.example.org\"]\naccess:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam, import: {users: [ALICE]}}\n", name))
	return r, name
}

// TestPinned is wish 2.1: overwrite and delete, and the block stays.
func TestPinned(t *testing.T) {
	r, name := importing(t)
	put(t, r.labServer, name, "k", []byte("version 1"))
	request := fmt.Sprintf(`{"sources":[{"url":"s3://%s/k"}]}`, name)
	l := r.imports(r.alice, request).files[0].Locator
	put(t, r.labServer, name, "k", []byte("version 2"))
	deleteObject(t, r.labServer, name, "k")
	if got := r.get(l, r.alice); got.body != "version 1" {
		t.Errorf("got %d %q", got.StatusCode, got.body)
	}
	fresh := r.imports(r.alice, request)
	r.wantError(fresh.reply, 404, "s3-not-found")
	if !strings.Contains(fresh.body, "delete") {
		t.Errorf("the error does not say that the object was deleted: %s", fresh.body)
	}
}

// TestImportTrace: what S3 is asked for an import of one page.
func TestImportTrace(t *testing.T) {
	r, name := importing(t)
	put(t, r.labServer, name, "p/a", []byte("a"))
	put(t, r.labServer, name, "p/b", []byte("b"))
	r.lab.Set()
	r.imports(r.alice, fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/"}]}`, name))
	var ops []string
	for _, q := range r.lab.Log() {
		ops = append(ops, q.Method)
		if q.Query == "lifecycle=" || q.Query == "object-lock=" {
			ops[len(ops)-1] = "settings"
		}
	}
	if strings.Join(ops, " ") != "GET HEAD settings settings" {
		t.Errorf("S3 was asked %v, want one listing, one HEAD and two questions about the bucket", r.lab.Log())
	}
}

// TestManifestText: the text, its hash in the trailer, and its signatures.
func TestManifestText(t *testing.T) {
	r, name := importing(t)
	put(t, r.labServer, name, "p/a b", []byte("first"))
	put(t, r.labServer, name, "p/d/x", []byte("second"))
	request := fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/"}],"form":"FORM"}`, name)
	hashes := map[string]bool{}
	for _, form := range []string{"opaque", "derived", "content"} {
		got := r.do(http.MethodPost, "/s3/import", r.alice, strings.Replace(request, "FORM", form, 1), jsonType, "Accept: text/plain")
		pdh, err := manifest.PDH(got.body)
		if err != nil || got.Trailer.Get("X-Keep-Portable-Data-Hash") != pdh || got.Trailer.Get("X-Keep-Skipped") != "0" {
			t.Errorf("%s: trailer %v, hash %s %v", form, got.Trailer, pdh, err)
		}
		hashes[pdh] = true
		for _, l := range regexp.MustCompile(`[0-9a-f]{32}\+[^ ]+`).FindAllString(got.body, -1) {
			if data := r.get(l, r.alice); data.StatusCode != 200 {
				t.Errorf("%s: %s gave %d %q", form, l, data.StatusCode, data.body)
			}
		}
	}
	if len(hashes) != 2 {
		t.Errorf("portable data hashes %v: opaque and derived must agree, content differs", hashes)
	}
}

// TestImportRefused: who may not import, and what is no request.
func TestImportRefused(t *testing.T) {
	r, name := importing(t)
	put(t, r.labServer, name, "p/x", []byte("x"))
	good := fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/"}]}`, name)
	rows := []struct {
		name, token, body string
		status            int
		word              string
	}{
		{"I-01 not named in the rule", r.bob, good, 403, "bucket-not-allowed"},
		{"sharing link", r.link, good, 403, "scope-needed"},
		{"no token", "", good, 401, "no-token"},
		{"bad token", "nonsense", good, 401, "token-refused"},
		{"no rule", r.alice, `{"sources":[{"url":"s3://another-bucket/"}]}`, 403, "bucket-not-allowed"},
		{"no sources", r.alice, `{}`, 400, "bad-request"},
		{"no JSON", r.alice, `sources`, 400, "bad-request"},
		{"unknown field", r.alice, `{"sources":[],"sorces":1}`, 400, "bad-request"},
		{"two values", r.alice, good + good, 400, "bad-request"},
		{"resume", r.alice, strings.Replace(good, "}]", `}],"resume":"AAAA"`, 1), 400, "bad-resume-token"},
		{"I-11 body too large", r.alice, `{"sources":[{"url":"` + strings.Repeat("x", 1<<20) + `"}]}`, 413, "too-large"},
	}
	for _, row := range rows {
		r.lab.Set()
		got := r.imports(row.token, row.body)
		if got.StatusCode != row.status || got.Header.Get("X-Keep-Error") != row.word || len(r.lab.Log()) > 0 {
			t.Errorf("%s: got %d %q, S3 was asked %v; want %d %s", row.name, got.StatusCode, got.body, r.lab.Log(), row.status, row.word)
		}
		if !strings.HasPrefix(got.body, `{"errors":["`+row.word) {
			t.Errorf("%s: body %q", row.name, got.body)
		}
	}
	if got := r.imports(r.alice, good); got.done == nil {
		t.Errorf("the positive control gave %d %q", got.StatusCode, got.body)
	}
	r.wantError(r.do(http.MethodGet, "/s3/import", r.alice, ""), 405, "method") // I-14
	r.wantError(r.do(http.MethodPost, "/s3/browse?url=s3://"+name+"/", r.alice, ""), 405, "method")
}

// TestUnversionedBucket is I-07: nothing is imported silently.
func TestUnversionedBucket(t *testing.T) {
	name := fmt.Sprintf("app-plain-%d", number.Add(1))
	lab := servers.MinIO(t)
	lab.Bucket(t, name, false)
	put(t, lab, name, "p/x", []byte("x"))
	rule := "access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam, import: {users: [\"*\"]}%s}\n"
	r := newRig(t, fmt.Sprintf(rule, name, ""))
	request := fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/"}]}`, name)
	if got := r.imports(r.alice, request); got.done != nil || got.failed == nil || got.failed.Error != "unpinned" {
		t.Errorf("a prefix: %q", got.body)
	}
	r.wantError(r.imports(r.alice, fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/x"}]}`, name)).reply, 400, "unpinned")
	r.write(fmt.Sprintf(rule, name, ", unversioned: etag"))
	r.reload <- nil
	r.waitForLog("reloaded")
	got := r.imports(r.alice, request)
	if got.done == nil || !got.files[0].WeakPin || r.get(got.files[0].Locator, r.alice).body != "x" {
		t.Errorf("with ETag pins: %q", got.body)
	}
}

// TestImportBreaks: a listing that fails half way has an error line and no
// done line; manifest text is cut.
func TestImportBreaks(t *testing.T) {
	r, name := importing(t)
	for i := range 1100 {
		put(t, r.labServer, name, fmt.Sprintf("p/%02d/%05d", i/100, i), []byte("x"))
	}
	request := fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/"}]}`, name)
	second := faultproxy.Rule{Path: regexp.MustCompile("key-marker=p"), Do: []faultproxy.Action{faultproxy.Answer(403, "<Error><Code>AccessDenied</Code></Error>")}}
	r.lab.Set(second)
	got := r.imports(r.alice, request)
	if got.done != nil || got.failed == nil || got.failed.Error != "s3-denied" || len(got.files) != 999 {
		t.Errorf("%d files, done %v, failed %+v", len(got.files), got.done, got.failed)
	}
	r.lab.Set(second)
	if text := r.do(http.MethodPost, "/s3/import", r.alice, request, jsonType, "Accept: text/plain"); text.StatusCode != 200 || text.err == nil {
		t.Errorf("manifest text ended as if it were whole: %d, %d bytes", text.StatusCode, len(text.body))
	}
	r.lab.Set()
	if got := r.imports(r.alice, request); got.done == nil || got.done.Files != 1100 {
		t.Errorf("the positive control: %+v", got.done)
	}
}

func TestBrowseAndAccess(t *testing.T) {
	r, name := importing(t)
	put(t, r.labServer, name, "p/x y", []byte("12345"))
	put(t, r.labServer, name, "p/sub/z", []byte("1"))
	var page importer.Listing
	got := r.do(http.MethodGet, "/s3/browse?url=s3://"+name+"/p/", r.alice, "")
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || len(page.Folders) != 1 || page.Folders[0] != "p/sub/" || page.Objects[0].Name != "x y" || page.Objects[0].Size != 5 {
		t.Errorf("got %d %q: %v", got.StatusCode, got.body, err)
	}
	r.wantError(r.do(http.MethodGet, "/s3/browse?url=s3://"+name+"/p/", r.bob, ""), 403, "bucket-not-allowed")
	r.wantError(r.do(http.MethodGet, "/s3/browse?url=s3://"+name+"/p/x", r.alice, ""), 400, "bad-request")
	r.wantError(r.do(http.MethodGet, "/s3/browse", r.alice, ""), 400, "bad-request")
	if got := r.do(http.MethodGet, "/s3/access", r.alice, ""); got.body != fmt.Sprintf(`{"rules":[{"url":"s3://%s/","mode":"iam","may_import":true}]}`+"\n", name) {
		t.Errorf("alice: %q", got.body)
	}
	if got := r.do(http.MethodGet, "/s3/access", r.bob, ""); got.body != `{"rules":[]}`+"\n" {
		t.Errorf("bob: %q", got.body)
	}
}

// TestGroupImport: membership in a group of the rule is enough.
func TestGroupImport(t *testing.T) {
	name := bucket(t, servers.MinIO(t))
	r := newRig(t, "access: []\n")
	group := addGroup(t, r, r.bobUUID)
	put(t, r.labServer, name, "x", []byte("x"))
	r.write(fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam, import: {groups: [%s]}}\n", name, group))
	r.reload <- nil
	r.waitForLog("reloaded")
	request := fmt.Sprintf(`{"sources":[{"url":"s3://%s/"}]}`, name)
	if got := r.imports(r.bob, request); got.done == nil {
		t.Errorf("a member: %d %q", got.StatusCode, got.body)
	}
	r.wantError(r.imports(r.alice, request).reply, 403, "bucket-not-allowed")
}

// locatorOf imports one object and returns its locator.
func (r *rig) locatorOf(o locator.Object, token string) string {
	r.t.Helper()
	got := r.imports(token, fmt.Sprintf(`{"sources":[{"url":%q}]}`, o.URL()))
	if len(got.files) != 1 {
		r.t.Fatalf("importing %s gave %d %q", o.URL(), got.StatusCode, got.body)
	}
	return got.files[0].Locator
}

// putInParts stores an object as a multipart upload of one part, whose ETag is
// no MD5.
func putInParts(t *testing.T, s *testenv.Server, bucket, key string, data []byte) {
	t.Helper()
	ctx, client := context.Background(), s.Client(t)
	up, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	number := int32(1)
	part, err := client.UploadPart(ctx, &s3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: up.UploadId, PartNumber: &number, Body: bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: &number, ETag: part.ETag}}}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestContentImport: bytes are read only where their MD5 is not known, in the
// parts that Keep blocks have, and told in key order.
func TestContentImport(t *testing.T) {
	r, name := importing(t)
	want := map[string]string{"large": strings.Repeat("0123456789abcdef", 4<<20) + "tail", "plain": "known by its ETag"}
	put(t, r.labServer, name, "p/large", []byte(want["large"]))
	put(t, r.labServer, name, "p/plain", []byte(want["plain"]))
	for i := range 20 {
		path := fmt.Sprintf("parts/%02d", i)
		want[path] = strings.Repeat(path, i+1)
		putInParts(t, r.labServer, name, "p/"+path, []byte(want[path]))
	}
	r.lab.Set()
	got := r.imports(r.alice, fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/"}],"form":"content"}`, name))
	if got.done == nil || len(got.files) != len(want) || !slices.IsSortedFunc(got.files, func(a, b importer.File) int { return strings.Compare(a.URL, b.URL) }) {
		t.Fatalf("%d files, done %+v", len(got.files), got.done)
	}
	reads := 0
	for _, q := range r.lab.Log() {
		if q.Range != "" {
			reads++
		}
	}
	if reads != 22 {
		t.Errorf("%d reads, want 2 of the large object, 20 of those in parts and none of the plain one", reads)
	}
	for _, f := range got.files {
		var data strings.Builder
		for l := range strings.FieldsSeq(f.Locator) {
			if !strings.Contains(l, "+Vmd5") {
				t.Errorf("%s: %s is not of content form", f.Path, l)
			}
			data.WriteString(r.get(l, r.alice).body)
		}
		if data.String() != want[f.Path] {
			t.Errorf("%s reads back as %d other bytes", f.Path, data.Len())
		}
	}
}
