// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// listPages serves one page of a version listing per request.
func listPages(t *testing.T, pages ...[]string) *faultproxy.Raw {
	return faultproxy.NewRaw(t, func(n int, c net.Conn) {
		var b strings.Builder
		keys := pages[min(n, len(pages))-1]
		fmt.Fprintf(&b, "<ListVersionsResult><IsTruncated>%v</IsTruncated><EncodingType>url</EncodingType>", n < len(pages))
		for _, key := range keys {
			b.WriteString(entryXML(key, "2026-01-02T03:04:05Z", "v1"))
		}
		fmt.Fprintf(&b, "<NextKeyMarker>%s</NextKeyMarker></ListVersionsResult>", keys[len(keys)-1])
		_ = write(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", b.Len(), b.String())) // the reader may be gone
	})
}

func entryXML(key, modified, version string) string {
	return "<Version><Key>" + key + "</Key><VersionId>" + version + "</VersionId><IsLatest>true</IsLatest>" +
		"<LastModified>" + modified + "</LastModified><ETag>e</ETag><Size>1</Size></Version>"
}

func listAll(t *testing.T, raw *faultproxy.Raw, after string) (keys []string, err error) {
	for v, err := range newReader(t, patient).Versions(t.Context(), rawAccess(raw.URL()), "bucket", "p/", after) {
		if err != nil {
			return keys, err
		}
		keys = append(keys, v.Object.Key)
	}
	return keys, nil
}

// TestListingOutOfOrder: an import finds clashes, and can be resumed, only if
// keys come in order, so a listing that goes back is refused.
func TestListingOutOfOrder(t *testing.T) {
	_, err := listAll(t, listPages(t, []string{"p/b", "p/d"}, []string{"p/c", "p/e"}), "")
	wantKind(t, err, s3read.BadReply)
	keys, err := listAll(t, listPages(t, []string{"p/d", "p/b"}, []string{"p/d", "p/e"}), "p/a") // within a page, and again
	if err != nil || strings.Join(keys, " ") != "p/b p/d p/e" {
		t.Errorf("the positive control gave %v %v", keys, err)
	}
}

// TestListingOddEntries: what no S3 server lists makes the page unusable.
func TestListingOddEntries(t *testing.T) {
	page := func(entry string) *faultproxy.Raw {
		body := "<ListVersionsResult>" + entry + "</ListVersionsResult>"
		return faultproxy.NewRaw(t, faultproxy.Text(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)))
	}
	const now = "2026-01-02T03:04:05Z"
	for what, entry := range map[string]string{
		"a year that JSON cannot hold": entryXML("p/x", "9999-12-31T23:59:59-10:00", "v1"),
		"a negative year":              entryXML("p/x", "0000-01-01T00:00:00+10:00", "v1"),
		"a bad date":                   entryXML("p/x", "yesterday", "v1"),
		"a long version id":            entryXML("p/x", now, strings.Repeat("v", 2000)),
		"a negative size":              strings.Replace(entryXML("p/x", now, "v1"), "<Size>1", "<Size>-1", 1),
		"a key outside the prefix":     entryXML("q/x", now, "v1"),
	} {
		_, err := listAll(t, page(entry), "")
		if e := wantKind(t, err, s3read.BadReply); e == nil {
			t.Error(what)
		}
	}
	if keys, err := listAll(t, page(entryXML("p/x", now, "v1")), ""); err != nil || len(keys) != 1 {
		t.Errorf("the positive control gave %v %v", keys, err)
	}
}

// TestCheckFits: HEAD of an archived object succeeds where GET does not.
func TestCheckFits(t *testing.T) {
	e := pseudoblock.Extent{Object: locator.Object{Bucket: "bucket", Key: "k", VersionID: "v"}, Offset: 2, Size: 8}
	if err := s3read.CheckFits(e, s3read.Info{Size: 10, StorageClass: "GLACIER"}); err != nil {
		t.Errorf("a restored object: %v", err)
	}
	wantKind(t, s3read.CheckFits(e, s3read.Info{Size: 9}), s3read.PastEnd)
	wantKind(t, s3read.CheckFits(e, s3read.Info{Size: 10, StorageClass: "GLACIER", Archived: true}), s3read.Archived)
}
