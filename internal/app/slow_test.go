// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// endless makes S3 answer every listing with a full page of keys, for ever.
func endless() []faultproxy.Rule {
	var pages atomic.Int64
	list := func() []faultproxy.Action {
		n := pages.Add(1)
		var b strings.Builder
		b.WriteString("<ListVersionsResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>")
		last := ""
		for i := range 1000 {
			last = fmt.Sprintf("p/%08d-%04d", n, i)
			b.WriteString("<Version><Key>" + last + "</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest>" +
				"<LastModified>2026-01-02T03:04:05Z</LastModified><ETag>&quot;e&quot;</ETag><Size>10</Size></Version>")
		}
		b.WriteString("<NextKeyMarker>" + last + "</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker></ListVersionsResult>")
		return []faultproxy.Action{faultproxy.Answer(200, b.String())}
	}
	head := []faultproxy.Action{faultproxy.Answer(200, ""), faultproxy.SetHeader("Content-Length", "10"), faultproxy.SetHeader("X-Amz-Version-Id", "v1")}
	return []faultproxy.Rule{{Method: http.MethodHead, Do: head}, {Method: http.MethodGet, Choose: list}}
}

// raw sends a request by hand and returns the connection. Its receive buffer
// is small, so that a client that does not read is noticed soon.
func (r *rig) raw(text string) net.Conn {
	r.t.Helper()
	u, err := url.Parse(r.url)
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) importText(token, body, proto, headers string) string {
	return fmt.Sprintf("POST /s3/import %s\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		proto, token, headers, len(body), body)
}

// TestClientsThatDoNotRead is D-01: an answer that nobody takes is given up,
// and with it its place and its requests to S3.
func TestClientsThatDoNotRead(t *testing.T) {
	name := bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam, import: {users: [ALICE]}}\nlimits: {max_requests: 1, total: 4s}\n", name))
	big := strings.Repeat("0123456789abcdef", 1<<20)
	e := pseudoblock.Extent{Object: put(t, r.labServer, name, "big", []byte(big)), Size: int64(len(big))}
	small := e
	small.Size = 10
	l, control := r.locator(e, pseudoblock.Derived, r.alice), r.locator(small, pseudoblock.Derived, r.alice)
	content, err := pseudoblock.ContentLocator(md5Hash(big), e)
	if err != nil {
		t.Fatal(err)
	}
	verified := r.signer.Sign(content, r.alice, time.Now().Add(ttl)).String()
	stuck := map[string]string{
		"get":     "GET /" + l + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + r.alice + "\r\n\r\n",
		"content": "GET /" + verified + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + r.alice + "\r\n\r\n",
		"import":  r.importText(r.alice, `{"sources":[{"url":"s3://`+name+`/p/"}]}`, "HTTP/1.1", ""),
		"text":    r.importText(r.alice, `{"sources":[{"url":"s3://`+name+`/p/"}]}`, "HTTP/1.1", "Accept: text/plain\r\n"),
	}
	for what, text := range stuck {
		r.lab.Set(append(endless()[:1], faultproxy.Rule{Method: http.MethodGet, Path: listings, Choose: endless()[1].Choose})...)
		start := make([]byte, len("HTTP/1.1 200"))
		if _, err := io.ReadFull(r.raw(text), start); err != nil || string(start) != "HTTP/1.1 200" {
			t.Fatalf("%s: the answer began with %q: %v", what, start, err)
		}
		if got := r.get(control, r.alice); got.StatusCode != 200 { // waits for the one place
			t.Errorf("%s: the place is still taken: %d %q", what, got.StatusCode, got.body)
		}
	}
}

// TestBodiesThatDoNotCome is D-02: a stranger's request is refused before its
// body is read, and nobody holds a connection by a body that never comes.
func TestBodiesThatDoNotCome(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	var running sync.WaitGroup
	for what, head := range map[string]string{
		"401": "POST /s3/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nonsense\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
		"403": "POST /s3/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + r.link + "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
		"200": "GET /" + l + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + r.alice + "\r\nContent-Length: 1000\r\n\r\n",
	} {
		c := r.raw(head)
		running.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Second)) // a TCP connection has deadlines
			all, err := io.ReadAll(c)                               // until the server closes the connection
			if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 "+what) {
				t.Errorf("got %q and %v, want %s and the end of the connection", all, err, what)
			}
		})
	}
	running.Wait()
}

// TestManifestTextNeedsFraming: in HTTP/1.0, which some proxies speak, a text
// that broke off would look whole (P1).
func TestManifestTextNeedsFraming(t *testing.T) {
	r, name := importing(t)
	put(t, r.labServer, name, "p/x", []byte("x"))
	body := `{"sources":[{"url":"s3://` + name + `/p/"}]}`
	for proto, want := range map[string]int{"HTTP/1.0": 400, "HTTP/1.1": 200} {
		resp, err := http.ReadResponse(bufio.NewReader(r.raw(r.importText(r.alice, body, proto, "Accept: text/plain\r\n"))), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", proto, resp.StatusCode, want)
		}
		_ = resp.Body.Close() // only the status counts
	}
}

// TestManyAlternatives is D: a block with many slow alternatives does not take
// the time of all of them, and says nothing about any.
func TestManyAlternatives(t *testing.T) {
	name := bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam}\nlimits: {total: 1s}\n", name))
	e := pseudoblock.Extent{Object: put(t, r.labServer, name, "x", []byte("0123456789")), Size: 10}
	alternatives := slices.Repeat([]pseudoblock.Extent{e}, pseudoblock.MaxAlternatives)
	for i := range alternatives[1:] {
		alternatives[i+1].Object.Key = fmt.Sprint(i)
	}
	l, err := pseudoblock.ContentLocator(md5Hash("0123456789"), alternatives...)
	if err != nil {
		t.Fatal(err)
	}
	signed := r.signer.Sign(l, r.alice, time.Now().Add(ttl)).String()
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Delay(time.Minute)}})
	r.wantError(r.get(signed, r.alice), 502, "content-unavailable")
	if n := len(r.lab.Log()); n >= pseudoblock.MaxAlternatives {
		t.Errorf("S3 was asked %d times, for every alternative", n)
	}
	r.lab.Set()
	if got := r.get(signed, r.alice); got.StatusCode != 200 {
		t.Errorf("the positive control gave %d %q", got.StatusCode, got.body)
	}
}

// TestRefusedLate: when S3 takes its time to refuse, lines were told already,
// so that the error comes as the last of them; manifest text has a status still.
func TestRefusedLate(t *testing.T) {
	r, name := importing(t)
	put(t, r.labServer, name, "p/x", []byte("x"))
	request := fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/"}]}`, name)
	late := faultproxy.Rule{Path: listings, Do: []faultproxy.Action{faultproxy.Delay(4 * time.Second), faultproxy.Answer(403, "<Error><Code>AccessDenied</Code></Error>")}}
	r.lab.Set(late)
	got := r.imports(r.alice, request)
	if got.StatusCode != 200 || !strings.HasPrefix(got.body, `{"type":"progress"`) || got.done != nil || got.failed == nil || got.failed.Error != "s3-denied" {
		t.Errorf("lines: %d %q", got.StatusCode, got.body)
	}
	r.lab.Set(late)
	r.wantError(r.do(http.MethodPost, "/s3/import", r.alice, request, jsonType, "Accept: text/plain"), 403, "s3-denied")
	r.lab.Set()
	if got := r.imports(r.alice, request); got.done == nil || got.done.Files != 1 {
		t.Errorf("the positive control: %+v", got)
	}
}
