// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	mathbig "math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/s3read"
)

func TestN01RedirectsAreNotFollowed(t *testing.T) {
	canary := faultproxy.NewCanary(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		r := newRig(t, patient)
		r.always(faultproxy.Redirect(status, canary.URL()+"/latest/meta-data/"))
		if e := r.fails(s3read.BadReply, 1); !strings.Contains(e.Text, "redirects to another address") {
			t.Errorf("%d: %s", status, e.Text)
		}
		_, err := r.reader.Head(context.Background(), r.access, bigObject)
		wantKind(t, err, s3read.BadReply)
		_, err = r.reader.Browse(context.Background(), r.access, faultBucket, "", "")
		wantKind(t, err, s3read.BadReply)
		r.control()
	}
	if canary.Contacts() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestN01ProxyOfTheEnvironmentIsIgnored(t *testing.T) {
	canary := faultproxy.NewCanary(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} {
		t.Setenv(name, canary.URL())
	}
	newRig(t, patient).control()
}

func TestN02WrongRegionNamesTheRightOne(t *testing.T) {
	r := newRig(t, patient)
	r.always(faultproxy.Redirect(301, "https://s3.eu-west-1.amazonaws.com/"), faultproxy.SetHeader("X-Amz-Bucket-Region", "eu-west-1"))
	if e := r.fails(s3read.WrongRegion, 1); !strings.Contains(e.Text, `set region "eu-west-1"`) {
		t.Errorf("%s", e.Text)
	}
	r.always(faultproxy.Redirect(301, "/"), faultproxy.SetHeader("X-Amz-Bucket-Region", "<script>\"x"))
	if e := r.fails(s3read.WrongRegion, 1); strings.ContainsAny(e.Text, "<>") {
		t.Errorf("%s", e.Text)
	}
	r.control()
}

// certificate makes a key pair for a host, valid until the given time, and
// writes the certificate to a PEM file.
func certificate(t *testing.T, host string, until time.Time) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: mathbig.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	if ip := net.ParseIP(host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// tlsServer answers small over TLS.
func tlsServer(t *testing.T, c tls.Certificate, wrap func(net.Listener) net.Listener) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes 2-6/9")
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("X-Amz-Version-Id", "v1")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write([]byte("hello"))
	}))
	s.Listener = wrap(s.Listener)
	s.Config.ErrorLog = discardLog()
	s.TLS = &tls.Config{Certificates: []tls.Certificate{c}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func plain(l net.Listener) net.Listener { return l }

func TestN05Certificates(t *testing.T) {
	later := time.Now().Add(time.Hour)
	good, goodFile := certificate(t, "127.0.0.1", later)
	otherHost, otherFile := certificate(t, "s3.example.org", later)
	expired, expiredFile := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour))
	for name, c := range map[string]struct {
		served tls.Certificate
		ca     string
		ok     bool
	}{
		"control":     {good, goodFile, true},
		"self-signed": {good, "", false},
		"other ca":    {good, otherFile, false},
		"wrong host":  {otherHost, otherFile, false},
		"expired":     {expired, expiredFile, false},
		"no such ca":  {good, goodFile + "x", false},
	} {
		t.Run(name, func(t *testing.T) {
			access := rawAccess(tlsServer(t, c.served, plain).URL)
			access.Endpoint.CAFile = c.ca
			got, err := readAll(newReader(t, patient), access, small)
			if c.ok && (err != nil || string(got) != "hello") {
				t.Errorf("%q, %v", got, err)
			}
			if !c.ok {
				wantKind(t, err, s3read.Unreachable)
			}
		})
	}
}

// resetFirst resets the first connection.
type resetFirst struct {
	net.Listener
	once sync.Once
}

func (l *resetFirst) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	l.once.Do(func() {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	})
	return c, err
}

func TestR09ResetInTheHandshakeIsRetried(t *testing.T) {
	c, ca := certificate(t, "127.0.0.1", time.Now().Add(time.Hour))
	access := rawAccess(tlsServer(t, c, func(l net.Listener) net.Listener { return &resetFirst{Listener: l} }).URL)
	access.Endpoint.CAFile = ca
	got, err := readAll(newReader(t, patient), access, small)
	if err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestN07ConnectionsAreKeptAndBounded(t *testing.T) {
	o := patient
	o.MaxRequests = 4
	r := newRig(t, o)
	r.proxy.Set()
	var running sync.WaitGroup
	for range 40 {
		running.Go(func() {
			if _, err := r.read(); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	conns := make(map[int]bool)
	for _, request := range r.proxy.Log() {
		conns[request.Conn] = true
	}
	if len(conns) > 4 {
		t.Errorf("%d connections for 4 slots", len(conns))
	}
	r.requests(40)
}

func TestN07HalfOpenConnectionIsReplaced(t *testing.T) {
	r := newRig(t, patient)
	r.control()
	r.once(faultproxy.ResetAt(faultproxy.BeforeHeaders)) // as if the kept connection had died
	got, err := r.read()
	if err != nil || len(got) != mib {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestN08OddHeads(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"a few early hints": {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 3) + goodReply, true},
		"10000 early hints": {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 10_000) + goodReply, false},
		"9 MiB of headers":  {"HTTP/1.1 206 Partial Content\r\n" + strings.Repeat("X-Pad: "+strings.Repeat("x", 1000)+"\r\n", 9*1024) + "\r\n", false},
		"101":               {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", false},
		"101 for ever":      {"", false},
		"not HTTP":          {"SSH-2.0-OpenSSH_9.9\r\n", false},
		"nothing":           {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			raw := faultproxy.NewRaw(t, faultproxy.Text(c.text))
			if name == "101 for ever" {
				raw = faultproxy.NewRaw(t, faultproxy.Switch)
			}
			got, err := readAll(newReader(t, hasty), rawAccess(raw.URL()), small)
			if c.ok && (err != nil || string(got) != "hello") {
				t.Errorf("%q, %v", got, err)
			}
			kind := errorKind(err)
			if !c.ok && kind != s3read.BadReply && kind != s3read.Unreachable {
				t.Errorf("%q, %v", got, err)
			}
			if n := raw.Requests(); n > 4 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestTotalAndCallersDeadline(t *testing.T) {
	o := patient
	o.Total = 300 * time.Millisecond
	r := newRig(t, o)
	r.always(faultproxy.StallAt(1000))
	_, err := r.read()
	if e := wantKind(t, err, s3read.Deadline); !strings.Contains(e.Text, "300ms") {
		t.Errorf("%s", e.Text)
	}
	r = newRig(t, patient)
	r.always(faultproxy.StallAt(faultproxy.BeforeHeaders))
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err = r.reader.Open(ctx, r.access, r.extent)
	wantKind(t, err, s3read.Deadline)
	r.requests(1)
	r.control()
}

func TestSlots(t *testing.T) {
	o := patient
	o.MaxRequests = 1
	r := newRig(t, o)
	r.proxy.Set()
	first, err := r.reader.Open(context.Background(), r.access, r.extent)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = r.reader.Open(ctx, r.access, r.extent)
	wantKind(t, err, s3read.Canceled)
	r.requests(1)
	_ = first.Close()
	_ = first.Close() // twice frees one slot only
	r.control()
}

func TestObserve(t *testing.T) {
	var mu sync.Mutex
	var events []string
	o := patient
	o.Observe = func(e s3read.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, fmt.Sprint(e.Endpoint, " ", e.Op, " ", e.Kind, " ", e.Bytes, " ", e.Attempt))
	}
	r := newRig(t, o)
	r.once(faultproxy.CloseAt(1000))
	r.good(2)
	if _, err := r.reader.Head(context.Background(), r.access, bigObject); err != nil {
		t.Fatal(err)
	}
	want := "[minio get s3-unreachable 1000 1 minio get ok 1047576 2 minio head ok 0 1]"
	if got := fmt.Sprint(events); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
