// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMissingFile: the first start makes a key for its owner only, and the
// next one takes it.
func TestMissingFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "issuer.pem")
	first := open(t, options(file))
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if k := first.keys[0]; k.Algorithm() != "RS256" || k.private.Public().(*rsa.PublicKey).N.BitLen() != 3072 {
		t.Errorf("a key for %s", k.Algorithm())
	}
	if second := open(t, options(file)); second.keys[0].ID != first.keys[0].ID {
		t.Error("the second start has another key")
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
	if _, err := New(options(filepath.Join(t.TempDir(), "no", "folder", "issuer.pem"))); err == nil {
		t.Error("a file in no folder was made")
	}
}

// TestStartTogether: servers that start at the same time without a file end
// with one key.
func TestStartTogether(t *testing.T) {
	file := filepath.Join(t.TempDir(), "issuer.pem")
	var all sync.WaitGroup
	ids := make([]string, 4)
	for n := range ids {
		all.Go(func() {
			i, err := New(options(file))
			if err != nil {
				t.Error(err)
				return
			}
			ids[n] = i.keys[0].ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Errorf("keys %q", ids)
		}
	}
	// The race itself, which the goroutines may have missed: a file that
	// appears after it was missed is not replaced.
	if err := makeKeys(file); err != nil {
		t.Error(err)
	}
	if i := open(t, options(file)); i.keys[0].ID != ids[0] {
		t.Error("the late process replaced the key")
	}
}

func TestMode(t *testing.T) {
	file := writeFile(t, pemOf(t, newECKey(t, elliptic.P256()), ""))
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o440: true, 0o640: true, 0o660: false, 0o644: false, 0o604: false, 0o602: false} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		switch _, err := New(options(file)); {
		case good && err != nil:
			t.Errorf("mode %o: %v", mode, err)
		case !good && (err == nil || !strings.Contains(err.Error(), "chmod 600")):
			t.Errorf("mode %o: error %v", mode, err)
		}
	}
}

// TestBadFiles: each fault of a file has its sentence, which names the file
// and shows nothing of a key.
func TestBadFiles(t *testing.T) {
	key := newECKey(t, elliptic.P256())
	good := pemOf(t, key, "")
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]struct{ text, want string }{
		"empty":         {"", "holds no key"},
		"not PEM":       {"hunter2", "holds no key"},
		"weak":          {pemOf(t, newRSAKey(t, 1024), ""), "RSA key of 1024 bits: use at least 2048"},
		"curve":         {good + pemOf(t, newECKey(t, elliptic.P384()), "2026-01-01T00:00:00Z"), "(number 2) that is on the curve P-384"},
		"SEC 1":         {string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})), "openssl pkcs8"},
		"encrypted":     {strings.ReplaceAll(good, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "openssl pkcs8"},
		"certificate":   {strings.ReplaceAll(good, "PRIVATE KEY", "CERTIFICATE"), "PEM type"},
		"no PKCS #8":    {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: sec1})), "is not in PKCS #8"},
		"cut":           {good + good[:len(good)/2], "2 PEM blocks, of which 1"},
		"damaged first": {strings.Replace(good, "\nM", "\n*", 1) + pemOf(t, key, ""), "2 PEM blocks, of which 1"},
		"header":        {pemOf(t, key, "tomorrow"), `has Sign-From "tomorrow"`},
		"wrong header":  {strings.Replace(pemOf(t, key, "2026-01-01T00:00:00Z"), "Sign-From", "Signs-From", 1), `unknown header "Signs-From"`},
		"twice":         {good + pemOf(t, key, "2026-01-01T00:00:00Z"), "twice"},
		"same time":     {good + pemOf(t, newECKey(t, elliptic.P256()), ""), "sign from the same time"},
		"none yet":      {pemOf(t, key, "2999-01-01T00:00:00Z"), "no key of"},
		"huge":          {good + strings.Repeat("\n", maxKeyFile), "more than keys can have"},
	}
	for name, row := range rows {
		file := writeFile(t, row.text)
		_, err := New(options(file))
		if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), good[60:80]) {
			t.Errorf("%s: the error shows content: %v", name, err)
		}
	}
	open(t, options(writeFile(t, "a comment\n"+good+"\nanother\n")))
}

// FuzzParseKeys: whatever a file holds, it is refused in a sentence or gives
// keys that can be written and read back.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nSign-From: 2026-01-01T00:00:00Z\n\nMAA=\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseKeys(text)
		if err != nil {
			return
		}
		again, err := formatKeys(keys)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseKeys(again)
		if err != nil || len(back) != len(keys) {
			t.Fatalf("%d keys came back as %d: %v", len(keys), len(back), err)
		}
		for n := range keys {
			if keys[n].ID != back[n].ID || !keys[n].SignFrom.Equal(back[n].SignFrom) {
				t.Errorf("key %d came back as another", n)
			}
		}
	})
}

// TestPipeIsRefused: who reads a pipe that nobody writes to waits for ever,
// and with it the server.
func TestPipeIsRefused(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := ReadKeys(pipe)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "is not a plain file") {
			t.Errorf("got %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("reading does not end")
	}
}
