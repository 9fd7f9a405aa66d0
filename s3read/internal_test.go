// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
)

func TestParseContentRange(t *testing.T) {
	for text, want := range map[string]contentRange{
		"bytes 0-0/1":          {0, 0, 1},
		"bytes 2-6/9":          {2, 6, 9},
		"bytes 0-9/10":         {0, 9, 10},
		"bytes 0--1/0":         {},
		"bytes 0-9/9":          {},
		"bytes 5-4/9":          {},
		"bytes 01-4/9":         {},
		"bytes +1-4/9":         {},
		"bytes 0-4/*":          {},
		"bytes */9":            {},
		"Bytes 0-4/9":          {},
		"bytes=0-4/9":          {},
		"bytes 0-4/9 ":         {},
		"bytes 0-4/9,0-4/9":    {},
		"bytes 0-4":            {},
		"":                     {},
		"bytes 0-" + nines():   {},
		"bytes 0-4/" + nines(): {},
	} {
		got, ok := parseContentRange(text)
		if got != want || ok != (want != contentRange{}) {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
}

func nines() string { return strings.Repeat("9", 30) }

func FuzzContentRange(f *testing.F) {
	for _, seed := range []string{"bytes 0-0/1", "bytes 0--1/0", "bytes 2-6/9", "bytes */9", "bytes 0-9/*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := parseContentRange(text)
		if again := fmt.Sprintf("bytes %d-%d/%d", r.first, r.last, r.total); ok && again != text {
			t.Errorf("%q was read as %q", text, again)
		}
	})
}

func FuzzErrorXML(f *testing.F) {
	f.Add([]byte("<Error><Code>NoSuchKey</Code><Message>x</Message></Error>"))
	f.Add([]byte("<Error><Code>InvalidRange</Code><ActualObjectSize>100</ActualObjectSize></Error>"))
	f.Add([]byte("<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"))
	f.Add([]byte("<!DOCTYPE x><Error><Code>&b;</Code></Error>"))
	printable := regexp.MustCompile(`^[ -~]*…?$`)
	f.Fuzz(func(t *testing.T, body []byte) {
		d := parseErrorXML(body)
		for _, s := range []string{d.code, d.message, d.region, d.storageClass} {
			if !printable.MatchString(s) || len(s) > 210 {
				t.Errorf("%q came out", s)
			}
		}
	})
}

// FuzzListing compares the scanner with encoding/xml: what both read, they
// read alike.
func FuzzListing(f *testing.F) {
	f.Add([]byte(listing(2, false)))
	f.Add([]byte("<ListVersionsResult><IsTruncated>true</IsTruncated><Version><Key>a&amp;b&#65;<![CDATA[<c>]]></Key><VersionId/>" +
		"<LastModified>2026-01-02T03:04:05.000Z</LastModified><Size>1</Size></Version></ListVersionsResult>"))
	f.Add([]byte("<a:ListBucketResult xmlns:a='>'><!-- <Key> --><?x?></a:ListBucketResult>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := decodePage(body, "bucket")
		if err != nil {
			return
		}
		var std struct {
			IsTruncated string
			Version     []struct{ Key, VersionId string }
		}
		if bytes.ContainsRune(body, '\r') || bytes.Contains(body, []byte("<Contents")) || bytes.Contains(body, []byte("DeleteMarker")) ||
			p.encoded || xml.Unmarshal(body, &std) != nil {
			return
		}
		if len(std.Version) != len(p.versions) {
			t.Fatalf("%d versions, encoding/xml sees %d", len(p.versions), len(std.Version))
		}
	})
}

// listing is a page of n versions as AWS writes it.
func listing(n int, truncated bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix></Prefix>`+
		`<MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>%v</IsTruncated>`, truncated)
	for i := range n {
		fmt.Fprintf(&b, `<Version><Key>project/sample%%20%06d/reads.fastq.gz</Key><VersionId>4HL4kqtJvjVBH40Nrjfkd%06d</VersionId><IsLatest>true</IsLatest>`+
			`<LastModified>2026-11-20T21:34:54.000Z</LastModified><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>%d</Size>`+
			`<Owner><ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a</ID></Owner><StorageClass>STANDARD</StorageClass></Version>`, i, i, i)
	}
	b.WriteString("</ListVersionsResult>")
	return b.String()
}

func TestDecodePage(t *testing.T) {
	p, err := decodePage([]byte(listing(3, true)), "bucket")
	if err != nil || len(p.versions) != 3 || !p.truncated || !p.encoded {
		t.Fatalf("%+v, %v", p, err)
	}
	v := p.versions[2]
	if v.Object.Key != "project/sample 000002/reads.fastq.gz" || v.Object.VersionID != "4HL4kqtJvjVBH40Nrjfkd000002" || v.Size != 2 ||
		!v.Latest || v.ETag != "d41d8cd98f00b204e9800998ecf8427e" || v.StorageClass != "STANDARD" ||
		!v.LastModified.Equal(time.Date(2026, 11, 20, 21, 34, 54, 0, time.UTC)) {
		t.Errorf("%+v", v)
	}
	for _, bad := range []string{
		"", "<", "<a>", "<Error><Code>x</Code></Error>", "<html></html>", "plain text",
		"<ListVersionsResult>", "<ListVersionsResult><Version></ListVersionsResult>",
		"<!DOCTYPE a><ListVersionsResult></ListVersionsResult>",
		"<ListVersionsResult><Version><Key>a</Key></Version></ListVersionsResult>",
		"<ListVersionsResult><Version><Key>a</Key><LastModified>2026-11-20T21:34:54Z</LastModified><Size>-1</Size></Version></ListVersionsResult>",
		"<ListVersionsResult><Version><Key>&b;</Key></Version></ListVersionsResult>",
		"<ListVersionsResult>" + strings.Repeat("<a>", 100),
		listing(3, true)[:1000],
	} {
		if _, err := decodePage([]byte(bad), "bucket"); err == nil {
			t.Errorf("%.80q was read", bad)
		}
	}
}

// TestFuzzTargetsHaveSeeds: a target that starts from nothing finds nothing.
func TestFuzzTargetsHaveSeeds(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	targets := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)`).FindAllSubmatch(text, -1) {
			targets++
			seeds, err := filepath.Glob(filepath.Join("testdata", "fuzz", string(m[1]), "*"))
			if err != nil || len(seeds) == 0 {
				t.Errorf("%s has no seeds in testdata/fuzz/%s", m[1], m[1])
			}
		}
	}
	if targets != 4 {
		t.Errorf("%d fuzz targets found, expected 4", targets)
	}
}

func TestBudget(t *testing.T) {
	b := budget{tokens: 2}
	now := time.Now()
	for i, want := range []bool{true, true, false} {
		if b.spend(now) != want {
			t.Errorf("retry %d: want %v", i, want)
		}
	}
	for range 5 {
		b.earn()
	}
	if !b.spend(now) || b.spend(now) {
		t.Error("five good replies must pay for one retry")
	}
	if !b.spend(now.Add(time.Second)) {
		t.Error("a second must pay for a retry")
	}
}

func TestBackoffIsBounded(t *testing.T) {
	for tries := range 100 {
		most := min(backoffBase<<min(tries, 10), backoffCap)
		if d := backoff(tries); d <= 0 || d > most {
			t.Errorf("pause %d is %v, more than %v", tries, d, most)
		}
	}
}

// TestRequestKeepsTheKey: hosts come from the endpoint, and the key goes out
// byte for byte, whatever it holds.
func TestRequestKeepsTheKey(t *testing.T) {
	path := &creds.Endpoint{Name: "lab", URL: "https://minio.lab:9000", Region: "us-east-1", PathStyle: true}
	aws := &creds.Endpoint{Name: "aws", Region: "eu-west-1", Regions: []string{"us-west-2", "cn-north-1"}}
	for _, c := range []struct {
		endpoint *creds.Endpoint
		region   string
		key      string
		host     string
		uri      string
	}{
		{path, "us-east-1", "a b", "minio.lab:9000", "/bucket/a%20b?versionId=v%2F1%3D"},
		{path, "us-east-1", "/a//b/../c", "minio.lab:9000", "/bucket//a//b/../c?versionId=v%2F1%3D"},
		{path, "us-east-1", "%2F?x=y#z\n", "minio.lab:9000", "/bucket/%252F%3Fx%3Dy%23z%0A?versionId=v%2F1%3D"},
		{aws, "eu-west-1", "//evil.example.org/x", "bucket.s3.eu-west-1.amazonaws.com", "///evil.example.org/x?versionId=v%2F1%3D"},
		{aws, "eu-west-1", "..", "bucket.s3.eu-west-1.amazonaws.com", "/..?versionId=v%2F1%3D"},
		{aws, "eu-west-1", "é", "bucket.s3.eu-west-1.amazonaws.com", "/%C3%A9?versionId=v%2F1%3D"},
		{aws, "us-west-2", "x", "bucket.s3.us-west-2.amazonaws.com", "/x?versionId=v%2F1%3D"},
		{aws, "cn-north-1", "x", "bucket.s3.cn-north-1.amazonaws.com.cn", "/x?versionId=v%2F1%3D"},
		{path, "us-west-2", "x", "minio.lab:9000", "/bucket/x?versionId=v%2F1%3D"},
	} {
		call := &call{op: "get", access: creds.Access{Endpoint: c.endpoint}, object: locator.Object{Bucket: "bucket", Key: c.key, VersionID: "v/1="}, region: c.region, size: 1}
		r := call.request(context.Background())
		var wire bytes.Buffer
		if err := r.Write(&wire); err != nil {
			t.Fatal(err)
		}
		if got, want := wire.String(), "GET "+c.uri+" HTTP/1.1\r\nHost: "+c.host+"\r\n"; !strings.HasPrefix(got, want) {
			t.Errorf("%q: sent %.120q", c.key, got)
		}
	}
}

func TestKindsAreDistinct(t *testing.T) {
	seen := make(map[Kind]bool)
	for _, k := range Kinds() {
		if seen[k] || k == "" {
			t.Errorf("the kind %q is listed twice", k)
		}
		seen[k] = true
		if e := (&Error{Kind: k, Text: "text"}); !errors.Is(e, &Error{Kind: k}) || errors.Is(e, &Error{Kind: k + "x"}) || e.Word() != string(k) {
			t.Errorf("%s does not match itself only", k)
		}
	}
	if len(seen) != 15 {
		t.Errorf("%d kinds", len(seen))
	}
}

func BenchmarkDecodePage(b *testing.B) {
	body := []byte(listing(1000, true))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodePage(body, "bucket"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/entry")
}

// TestRegionsAreBounded: what is remembered of regions cannot grow for ever,
// and ends with the endpoint's list.
func TestRegionsAreBounded(t *testing.T) {
	var r regions
	e := &creds.Endpoint{Region: "us-east-1", Regions: []string{"eu-west-1"}}
	for n := range 3 * maxRegions {
		r.set(fmt.Sprint("bucket-", n), "eu-west-1")
	}
	if n := len(r.byBucket); n != maxRegions {
		t.Errorf("%d buckets are remembered, want %d", n, maxRegions)
	}
	last := fmt.Sprint("bucket-", 3*maxRegions-1)
	if got := r.of(e, last); got != "eu-west-1" {
		t.Errorf("the last one is in %s", got)
	}
	if r.forget(last); r.of(e, last) != "us-east-1" || r.of(e, "other") != "us-east-1" {
		t.Error("a bucket that is not known is not in the first region")
	}
}

// TestNotFoundFolder: only who names what no import has seen may mean a folder.
func TestNotFoundFolder(t *testing.T) {
	for want, objects := range map[bool][]locator.Object{
		true: {{Bucket: "bucket", Key: "dir"}},
		false: {{Bucket: "bucket", Key: "dir/"}, {Bucket: "bucket", Key: "dir", ETag: "e"},
			{Bucket: "bucket", Key: "dir", VersionID: "v"}},
	} {
		for _, o := range objects {
			text := (&attempt{operation: &operation{call: call{object: o}}}).notFound(refusal{})
			if !strings.Contains(text, "does not exist") || strings.Contains(text, "a folder is named") != want {
				t.Errorf("%+v: %s", o, text)
			}
		}
	}
}
