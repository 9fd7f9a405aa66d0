// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// look wants keys that have changed or not, and an error or none.
func look(t *testing.T, f *File, changed, fails bool) {
	t.Helper()
	got, err := f.Look()
	if got != changed || (err != nil) != fails {
		t.Errorf("changed %t, want %t; error %v, want one: %t", got, changed, err, fails)
	}
}

// TestFollow: a rotation is published at the next look. Nothing that is wrong
// with the file takes the old keys away, and each fault is told once.
func TestFollow(t *testing.T) {
	file := t.TempDir() + "/keys.pem"
	f, err := Follow(options(file))
	if err != nil {
		t.Fatal(err)
	}
	first := f.JWKS()
	look(t, f, false, false)
	now := f.options.Now()
	if _, err := Rotate(file, time.Hour, now); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(f.JWKS(), first) {
		t.Error("the keys changed by themselves")
	}
	look(t, f, true, false)
	look(t, f, false, false)
	both := f.JWKS()
	if len(both) <= len(first) {
		t.Error("the new key is not published")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		look(t, f, false, true)
		look(t, f, false, false)
	}
	spoil(func() error { return os.WriteFile(file, text[:len(text)/2], 0o600) })
	spoil(func() error { return os.Chmod(file, 0o644) })
	spoil(func() error { return os.Remove(file) })
	if _, err := os.Stat(file); err == nil {
		t.Error("a look made a key file")
	}
	if !bytes.Equal(f.JWKS(), both) {
		t.Error("a fault changed the keys")
	}
	if _, err := f.Token("zzzzz-tpzed-000000000000001", audience); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	look(t, f, false, false)
}
