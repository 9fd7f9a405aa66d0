// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/apiserver"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

func addGroup(t *testing.T, r *rig, member string) string {
	t.Helper()
	g, err := r.api.AddGroup(context.Background(), apiserver.GroupSpec{Name: "importers"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.api.AddMember(context.Background(), g.UUID, member); err != nil {
		t.Fatal(err)
	}
	return g.UUID
}

// TestReload is A-14: a removed rule stops the next read, and a faulty file
// changes nothing.
func TestReload(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	good, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	r.write("access: [{url: nonsense}]\n")
	r.reload <- nil
	r.waitForLog("reload refused")
	if got := r.get(l, r.alice); got.StatusCode != 200 {
		t.Errorf("after a faulty file: %d %q", got.StatusCode, got.body)
	}
	r.write("access: []\n")
	r.reload <- nil
	r.waitForLog("msg\":\"reloaded")
	r.silent("after the rule was removed", l, r.alice, 403, "bucket-not-allowed")
	if err := os.WriteFile(r.config, good, 0o600); err != nil {
		t.Fatal(err)
	}
	r.reload <- nil
	r.waitForLog("\"reloaded\",\"rules\":1")
	if got := r.get(l, r.alice); got.StatusCode != 200 {
		t.Errorf("after the rule came back: %d %q", got.StatusCode, got.body)
	}
}

// TestReloadEndsImports: an import that is under way does not go on by rules that
// are no more, and is not disturbed by a reload that changes other things.
func TestReloadEndsImports(t *testing.T) {
	r, name := importing(t)
	put(t, r.labServer, name, "p/x", []byte("x"))
	good, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	whileListing := func(change func(), logged string) imported {
		r.lab.Set(faultproxy.Rule{Path: regexp.MustCompile("versions="), Count: 1, Choose: func() []faultproxy.Action {
			change()
			r.reload <- nil
			r.waitForLog(logged)
			time.Sleep(1100 * time.Millisecond) // what was asked before is old
			return nil
		}})
		return r.imports(r.alice, fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/"}]}`, name))
	}
	got := whileListing(func() {
		if err := os.WriteFile(r.config, append(good, "limits: {max_imports: 9}\n"...), 0o600); err != nil {
			t.Error(err)
		}
	}, "\"reloaded\",\"rules\":1")
	if got.done == nil || got.done.Files != 1 {
		t.Errorf("the rules are the same: %d %q", got.StatusCode, got.body)
	}
	r.wantError(whileListing(func() { r.write("access: []\n") }, "\"reloaded\",\"rules\":0").reply, 503, "rules-changed")
}

// TestDrain is D-09: a read in progress ends well, a new one is refused.
func TestDrain(t *testing.T) {
	r, e := reading(t)
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	r.get(l, r.alice)
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Delay(500 * time.Millisecond)}})
	slow := make(chan reply, 1)
	go func() { slow <- r.get(l, r.alice) }()
	for len(r.lab.Log()) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if err := r.stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if got := <-slow; got.StatusCode != 200 || got.body != "456789abcd" {
		t.Errorf("the read in progress gave %d %q", got.StatusCode, got.body)
	}
	if _, err := http.Get(r.url + "/" + l); err == nil {
		t.Error("the server still answers")
	}
}

// TestOverload is D-04: some wait, more are told to come again, and the
// operator still gets an answer.
func TestOverload(t *testing.T) {
	name := bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam}\nlimits: {max_requests: 2}\n", name))
	e := pseudoblock.Extent{Object: put(t, r.labServer, name, "x", []byte("x")), Size: 1}
	tokens := []string{r.alice, r.bob}
	for _, token := range tokens {
		r.get(r.locator(e, pseudoblock.Opaque, token), token)
	}
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Delay(time.Second)}})
	statuses := make(chan int, 8)
	var running sync.WaitGroup
	for i := range 8 {
		token := tokens[i%2]
		running.Go(func() {
			got := r.get(r.locator(e, pseudoblock.Opaque, token), token)
			statuses <- got.StatusCode
			if got.StatusCode != 200 && (got.Header.Get("X-Keep-Error") != "overloaded" || got.Header.Get("Retry-After") == "") {
				t.Errorf("got %d %q", got.StatusCode, got.body)
			}
		})
	}
	for len(r.lab.Log()) < 2 {
		time.Sleep(5 * time.Millisecond)
	}
	if got := r.do(http.MethodGet, "/_health/ping", "management-of-the-test", ""); got.StatusCode != 200 {
		t.Errorf("health gave %d while the server was full", got.StatusCode)
	}
	running.Wait()
	counts := map[int]int{}
	for range 8 {
		counts[<-statuses]++
	}
	if counts[200] != 4 || counts[503] != 4 {
		t.Errorf("statuses %v, want four of each: two served, two waiting, four refused", counts)
	}
}

func TestManagement(t *testing.T) {
	r, e := reading(t)
	r.get(r.locator(e, pseudoblock.Opaque, r.alice), r.alice)
	for _, path := range []string{"/_health/ping", "/metrics"} {
		r.wantError(r.do(http.MethodGet, path, "", ""), 401, "no-token")
		r.wantError(r.do(http.MethodGet, path, r.alice, ""), 403, "management-token")
	}
	if got := r.do(http.MethodGet, "/_health/ping", "management-of-the-test", ""); got.body != "{\"health\":\"OK\"}\n" {
		t.Errorf("health: %q", got.body)
	}
	got := r.do(http.MethodGet, "/metrics", "management-of-the-test", "")
	for _, want := range []string{`keepstore_s3_requests_total{endpoint="lab",op="get",result="ok"} 1`, "arvados_version_running", "keepstore_request_duration_seconds_count{code=\"200\",route=\"get\"} 1"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("metrics have no %s", want)
		}
	}
}

// TestAware: with require_aware_clients a stock client gets no bytes that it
// could cache under another object's name (K-01), but content form reads.
func TestAware(t *testing.T) {
	name := bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam, import: {users: [ALICE]}}\nrequire_aware_clients: always\n", name))
	e := pseudoblock.Extent{Object: put(t, r.labServer, name, "x", []byte("x")), Size: 1}
	for _, form := range []pseudoblock.Form{pseudoblock.Opaque, pseudoblock.Derived} {
		l := r.locator(e, form, r.alice)
		r.silent(form.String(), l, r.alice, 422, "client-not-aware")
		if got := r.get(l, r.alice, "X-Keep-Pseudo-Blocks: 1"); got.StatusCode != 200 {
			t.Errorf("%s: an aware client got %d %q", form, got.StatusCode, got.body)
		}
	}
	content := r.imports(r.alice, fmt.Sprintf(`{"sources":[{"url":"s3://%s/x"}],"form":"content"}`, name)).files[0].Locator
	if got := r.get(content, r.alice); got.StatusCode != 200 {
		t.Errorf("content form gave %d %q", got.StatusCode, got.body)
	}
}

// TestNoSecrets is S-01 for the log, errors and metrics of one busy minute.
func TestNoSecrets(t *testing.T) {
	r, name := importing(t)
	l := r.locatorOf(put(t, r.labServer, name, "x", []byte("x")), r.alice)
	signature := l[strings.Index(l, "+A"):][:30]
	seen := r.get(l, r.bob).body + r.get(l+"1", r.alice).body + r.get(l, r.alice+"x").body + r.get(r.alice, r.alice).body
	r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Answer(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")}})
	seen += r.get(l, r.alice).body
	r.apiHTTP.Close()
	seen += r.get(l, "v2/zzzzz-gj3su-000000000000001/"+strings.Repeat("s", 40)).body
	seen += r.do(http.MethodGet, "/metrics", "management-of-the-test", "").body + r.log.String()
	_, secret, _ := strings.Cut(strings.TrimPrefix(r.alice, "v2/"), "/")
	for what, text := range map[string]string{"token": secret, "signature": signature, "secret key": testenv.SecretKey,
		"signing key": r.api.BlobSigningKey(), "management token": "management-of-the-test"} {
		if strings.Contains(seen, text) {
			t.Errorf("the %s was shown:\n%s", what, seen)
		}
	}
}

// TestUnknownAPI: a start without the API server gives answers that ask to
// try again, not permanent ones, and the server recovers by itself.
func TestUnknownAPI(t *testing.T) {
	r, e := reading(t)
	good, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	l := r.locator(e, pseudoblock.Opaque, r.alice)
	down := strings.Replace(string(good), r.apiHTTP.URL, "http://127.0.0.1:1", 1)
	if err := os.WriteFile(r.config, []byte(down), 0o600); err != nil {
		t.Fatal(err)
	}
	r.reload <- nil
	r.waitForLog("\"reloaded\"")
	r.wantError(r.get(l, r.alice), 503, "api-unavailable")
	if err := os.WriteFile(r.config, good, 0o600); err != nil {
		t.Fatal(err)
	}
	before := r.log.String()
	r.reload <- nil
	for strings.Count(r.log.String(), "\"reloaded\"") == strings.Count(before, "\"reloaded\"") {
		time.Sleep(10 * time.Millisecond)
	}
	if got := r.get(l, r.alice); got.StatusCode != 200 {
		t.Errorf("with the API server: %d %q", got.StatusCode, got.body)
	}
}

// TestReloadCertificate: a renewed certificate is served after a reload, and
// the level of the log follows; what takes a restart is said.
func TestReloadCertificate(t *testing.T) {
	r, _ := reading(t)
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	with := string(text) + fmt.Sprintf("tls: {cert_file: %s/cert.pem, key_file: %s/key.pem}\nlog: {level: LEVEL}\n", dir, dir)
	write := func(level, listen string) {
		text := strings.Replace(strings.Replace(with, "LEVEL", level, 1), "listen: 127.0.0.1:0", "listen: "+listen, 1)
		if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := selfSigned(t, dir)
	write("info", "127.0.0.1:0")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.log = &testenv.Output{}
	r.serve()
	if got := servedCertificate(t, r.url); !bytes.Equal(got, first) {
		t.Error("another certificate is served")
	}
	second := selfSigned(t, dir)
	write("debug", "127.0.0.1:1")
	r.reload <- nil
	r.waitForLog(`"setting":"listen"`)
	r.waitForLog(`"reloaded"`)
	if got := servedCertificate(t, r.url); !bytes.Equal(got, second) {
		t.Error("the renewed certificate is not served")
	}
}

// servedCertificate connects and returns the server's certificate.
func servedCertificate(t *testing.T, url string) []byte {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(url, "http://"), &tls.Config{InsecureSkipVerify: true}) // only looks at it
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Raw
}

// selfSigned writes a new certificate and key into a folder.
func selfSigned(t *testing.T, dir string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(number.Add(1)), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return der
}
