// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// silent checks that a request is refused, by GET and by HEAD, and that S3 is
// not asked.
func (r *rig) silent(name, l, token string, status int, word string, headers ...string) {
	r.t.Helper()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r.lab.Set()
		r.gw.Set()
		got := r.do(method, "/"+l, token, "", headers...)
		if got.StatusCode != status || got.Header.Get("X-Keep-Error") != word {
			r.t.Errorf("%s by %s: got %d %s %q, want %d %s", name, method, got.StatusCode, got.Header.Get("X-Keep-Error"), got.body, status, word)
		}
		if log := append(r.lab.Log(), r.gw.Log()...); len(log) > 0 {
			r.t.Errorf("%s by %s: S3 was asked %v", name, method, log)
		}
	}
}

// TestBadLocators are the L cases: none of them reaches S3, and each differs
// from the locator that works in one thing only.
func TestBadLocators(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	if got := r.get(l, r.alice); got.StatusCode != 200 {
		t.Fatalf("the positive control gave %d %q", got.StatusCode, got.body)
	}
	parts := strings.Split(l, "+")
	head, b, c, a := parts[0]+"+"+parts[1], parts[2], parts[3], parts[4]
	join := func(p ...string) string { return strings.Join(p, "+") }
	url := func(text string) string { return "B" + encode(text) }
	object := e.Object.URL()
	rows := []struct {
		name, locator string
		status        int
		word          string
	}{
		{"L-01 no B", join(head, c, a), 400, "bad-locator"},
		{"L-01 no C", join(head, b, a), 400, "bad-locator"},
		{"L-01 bare", "ffffffffffffffffffffffffffffffff+10", 400, "bad-locator"},
		{"L-02 two B", join(head, b, b, c, a), 400, "bad-locator"},
		{"L-02 two pairs", join(head, b, c, b, c, a), 400, "bad-locator"},
		{"L-02 two A", join(head, b, c, a, a), 400, "bad-locator"},
		{"L-02 two sizes", join(head, "10", b, c, a), 400, "bad-locator"},
		{"L-03 negative size", join(parts[0], "-10", b, c, a), 400, "bad-locator"},
		{"L-03 leading zero", join(parts[0], "010", b, c, a), 400, "bad-locator"},
		{"L-03 hex size", join(parts[0], "0x10", b, c, a), 400, "bad-locator"},
		{"L-03 exponent", join(parts[0], "1e3", b, c, a), 400, "bad-locator"},
		{"L-03 20 digits", join(parts[0], "99999999999999999999", b, c, a), 400, "bad-locator"},
		{"L-04 too large", join(parts[0], "50000000000001", b, c, a), 413, "too-large"},
		{"L-05 size 0", join(parts[0], "0", b, c, a), 400, "bad-locator"},
		{"L-06 negative offset", join(head, b, "C-1", a), 400, "bad-locator"},
		{"L-06 overflow", join(head, b, "C9223372036854775807", a), 400, "bad-locator"},
		{"L-07 padded", join(head, b+"=", c, a), 400, "bad-locator"},
		{"L-07 stray bits", join(head, "B"+"czM6Ly9iL2tr", c, a), 400, "bad-locator"},
		{"L-08 other scheme", join(head, url("http://169.254.169.254/latest?versionId=1"), c, a), 400, "bad-locator"},
		{"L-08 user", join(head, url(strings.Replace(object, "s3://", "s3://u:p@", 1)), c, a), 400, "bad-locator"},
		{"L-08 port", join(head, url(strings.Replace(object, "/dir", ":9000/dir", 1)), c, a), 400, "bad-locator"},
		{"L-08 fragment", join(head, url(object+"#x"), c, a), 400, "bad-locator"},
		{"L-09 no version", join(head, url(strings.Split(object, "?")[0]), c, a), 400, "unpinned"},
		{"L-09 empty version", join(head, url(strings.Split(object, "=")[0]+"="), c, a), 400, "unpinned"},
		{"L-09 null version", join(head, url(strings.Split(object, "=")[0]+"=null"), c, a), 400, "unpinned"},
		{"L-10 more parameters", join(head, url(object+"&x=y"), c, a), 400, "bad-locator"},
		{"L-11 ARN", join(head, url("s3://arn:aws:s3:::b/k?versionId=1"), c, a), 400, "bad-locator"},
		{"L-12 NUL", join(head, url("s3://bucket/a%00?versionId=1"), c, a), 400, "bad-locator"},
		{"L-15 upper case", strings.ToUpper(parts[0]) + l[32:], 400, "bad-locator"},
		{"L-15 other hash", "acbd18db4cc2f85cedef654fccc4a4d8" + l[32:], 400, "bad-locator"},
		{"L-16 remote", join(head, b, c, "Rzzzzz-"+strings.TrimPrefix(a, "A")), 400, "bad-locator"},
		{"L-20 other spelling", join(head, url(strings.Replace(object, "%20", "+", 1)), c, a), 400, "bad-locator"},
		{"L-21 empty hint", join(head, b, c, "", a), 400, "bad-locator"},
		{"L-21 short signature", join(head, b, c, a[:40]), 400, "bad-locator"},
	}
	for _, row := range rows {
		r.silent(row.name, row.locator, r.alice, row.status, row.word)
	}
}

// TestLongPaths are L-17 and L-18.
func TestLongPaths(t *testing.T) {
	r, e := reading(t)
	r.silent("100,000 signs", strings.Repeat("+", 50000), r.alice, 400, "bad-locator")
	key := strings.Repeat(strings.Repeat("\u20ac", 80)+"/", 4) + "the end of a long key of 1,000 bytes"
	e.Object = put(t, r.labServer, e.Object.Bucket, key, []byte("0123456789abcdef"))
	if got := r.get(r.locator(e, pseudoblock.Derived, r.alice), r.alice); got.StatusCode != 200 || len(key) != 1000 {
		t.Errorf("a key of %d bytes gave %d %q", len(key), got.StatusCode, got.body)
	}
}

// TestSignatures are: what a signature is worth.
func TestSignatures(t *testing.T) {
	r, e := reading(t)
	other := e
	other.Object = put(t, r.labServer, e.Object.Bucket, "secret", []byte("0123456789abcdef"))
	for _, form := range []pseudoblock.Form{pseudoblock.Opaque, pseudoblock.Derived} {
		good := r.locator(e, form, r.alice)
		parts := strings.Split(good, "+")
		forged, _ := other.Locator(form)
		hints := strings.Split(forged.String(), "+")
		// A derived locator with another +B has a hash that does not fit.
		edited := map[pseudoblock.Form]string{pseudoblock.Opaque: "bad-signature", pseudoblock.Derived: "bad-locator"}[form]
		r.silent("A-01 other object", parts[0]+"+"+parts[1]+"+"+hints[2]+"+"+parts[3]+"+"+parts[4], r.alice, 400, edited)
		r.silent("A-01 other object and hash", forged.String()+"+"+parts[4], r.alice, 400, "bad-signature")
		r.silent("A-04 size", parts[0]+"+11+"+strings.Join(parts[2:], "+"), r.alice, 400, edited)
		r.silent("A-04 offset", strings.Replace(good, "+C4", "+C5", 1), r.alice, 400, edited)
		r.silent("A-05 other user", good, r.bob, 400, "bad-signature")
		r.silent("A-06 no signature", strings.Join(parts[:4], "+"), r.alice, 400, "bad-signature")
		r.silent("A-06 no token", good, "", 401, "no-token")
		r.silent("A-06 two tokens", good, r.alice, 400, "bad-token", "Authorization: Bearer "+r.bob)
		l, _ := e.Locator(form)
		r.silent("A-06 expired", r.signer.Sign(l, r.alice, time.Now().Add(-time.Second)).String(), r.alice, 401, "signature-expired")
		for _, token := range []string{r.alice, r.bob} {
			if got := r.get(r.locator(e, form, token), token); got.StatusCode != 200 {
				t.Errorf("a fresh signature gave %d %q", got.StatusCode, got.body)
			}
		}
	}
	r.silent("A-15 root token", r.locator(e, pseudoblock.Opaque, r.alice), r.api.SystemRootToken(), 400, "bad-signature")
}

// TestStockSignature: an API server that knows no pseudo-blocks signs the
// constant hash, and so every opaque locator at once.
func TestStockSignature(t *testing.T) {
	r, e := reading(t)
	l, err := e.Locator(pseudoblock.Opaque)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := locator.New(locator.Opaque, e.Size)
	if err != nil {
		t.Fatal(err)
	}
	stock := r.signer.Sign(bare, r.alice, time.Now().Add(ttl)).Signature()
	r.silent("A-02", l.WithSignature(stock).String(), r.alice, 403, "not-vouched")
}

// TestRules are with signatures that are right, as an API
// server makes them for any text.
func TestRules(t *testing.T) {
	lab, gw := bucket(t, servers.MinIO(t)), bucket(t, servers.Versitygw(t))
	closed := bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam}\n  - {url: \"s3://%s/public/\", endpoint: gw, mode: iam}\n", lab, gw))
	read := func(o locator.Object) string {
		return r.locator(pseudoblock.Extent{Object: o, Size: 3}, pseudoblock.Derived, r.alice)
	}
	there := put(t, r.labServer, closed, "x", []byte("top secret"))
	missing := there
	missing.Key = "y"
	r.silent("A-07 existing", read(there), r.alice, 403, "bucket-not-allowed")
	r.silent("A-07 missing", read(missing), r.alice, 403, "bucket-not-allowed")
	one, two := r.get(read(there), r.alice, "X-Request-Id: same"), r.get(read(missing), r.alice, "X-Request-Id: same")
	if one.body != two.body {
		t.Errorf("the answers differ: %q, %q", one.body, two.body)
	}
	private := put(t, r.gwServer, gw, "private/x", []byte("top secret"))
	for _, key := range []string{"public/../private/x", "public/./../private/x", "public//../private/x", "private/x", "publicx/y", "public"} {
		o := private
		o.Key = key
		r.silent("A-08 "+key, read(o), r.alice, 403, "bucket-not-allowed")
	}
	for _, name := range []string{lab + "x", lab + "-", lab[:len(lab)-1]} {
		if locator.CheckBucket(name) == nil {
			o := there
			o.Bucket = name
			r.silent("A-09 "+name, read(o), r.alice, 403, "bucket-not-allowed")
		}
	}
	for _, o := range []locator.Object{put(t, r.labServer, lab, "x", []byte("yes")), put(t, r.gwServer, gw, "public/x", []byte("yes"))} {
		if got := r.get(read(o), r.alice); got.StatusCode != 200 || got.body != "yes" {
			t.Errorf("the positive control gave %d %q", got.StatusCode, got.body)
		}
	}
}

// TestTokens: a live token is needed, whatever the signature says.
func TestTokens(t *testing.T) {
	r, e := reading(t)
	r.silent("unknown token", r.locator(e, pseudoblock.Opaque, "v2/zzzzz-gj3su-000000000000000/x"), "v2/zzzzz-gj3su-000000000000000/x", 401, "token-refused")
	if got := r.get(r.locator(e, pseudoblock.Opaque, r.link), r.link); got.StatusCode != 200 {
		t.Errorf("a sharing link with a right signature gave %d %q", got.StatusCode, got.body)
	}
	r.apiHTTP.Close()
	if got := r.get(r.locator(e, pseudoblock.Opaque, r.link), r.link); got.StatusCode != 200 {
		t.Errorf("a token seen just now gave %d %q while the API server is down", got.StatusCode, got.body)
	}
	r.silent("API server down", r.locator(e, pseudoblock.Opaque, r.bob), r.bob, 503, "api-unavailable")
}

// TestETagPin: a weak pin reads only under a rule that allows it, and never
// other bytes than the pinned ones.
func TestETagPin(t *testing.T) {
	weak, strict := fmt.Sprintf("app-weak-%d", number.Add(1)), fmt.Sprintf("app-weak-%d", number.Add(1))
	lab := servers.MinIO(t)
	lab.Bucket(t, weak, false)
	lab.Bucket(t, strict, false)
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam, unversioned: etag}\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam}\n", weak, strict))
	extent := func(bucket string) pseudoblock.Extent {
		put(t, lab, bucket, "x", []byte("first"))
		return pseudoblock.Extent{Object: locator.Object{Bucket: bucket, Key: "x", ETag: string(md5Hash("first"))}, Size: 5}
	}
	l := r.locator(extent(weak), pseudoblock.Opaque, r.alice)
	if got := r.get(l, r.alice); got.StatusCode != 200 || got.body != "first" {
		t.Errorf("got %d %q", got.StatusCode, got.body)
	}
	put(t, lab, weak, "x", []byte("other"))
	r.wantError(r.get(l, r.alice), 502, "s3-changed")
	r.silent("without the rule", r.locator(extent(strict), pseudoblock.Opaque, r.alice), r.alice, 400, "unpinned")
}

// TestAnonymous: unsigned requests, for which a signature of ours is still
// needed.
func TestAnonymous(t *testing.T) {
	name := bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: anonymous}\n", name))
	e := pseudoblock.Extent{Object: put(t, r.labServer, name, "x", []byte("public")), Size: 6}
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	r.wantError(r.get(l, r.alice), 403, "s3-denied")
	makePublic(t, r.labServer, name)
	r.lab.Set()
	if got := r.get(l, r.alice); got.StatusCode != 200 || got.body != "public" {
		t.Errorf("got %d %q", got.StatusCode, got.body)
	}
	if log := r.lab.Log(); len(log) != 1 || log[0].AccessKey == testenv.AccessKey {
		t.Errorf("S3 was asked %+v", log)
	}
	r.silent("no signature", strings.Split(l, "+A")[0], r.alice, 400, "bad-signature")
}
