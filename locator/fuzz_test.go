// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator_test

import (
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
)

// FuzzParse wants everything that Parse accepts to print to one canonical
// text, which reads back as an equal value.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		l, err := locator.Parse(text)
		if err != nil {
			if l != (locator.Locator{}) {
				t.Fatalf("an error came with the value %v", l)
			}
			return
		}
		printed := l.String()
		again, err := locator.Parse(printed)
		if err != nil || again != l || again.String() != printed {
			t.Fatalf("%q prints as %q, which reads as %q, %v", text, printed, again, err)
		}
		if len(printed) != len(text) {
			t.Fatalf("%q prints as %q, which is not a permutation of its hints", text, printed)
		}
		if hash := l.Identity(); len(hash) != 32 || again.Identity() != hash {
			t.Fatalf("identity %q of %q", hash, text)
		}
		rebuild(t, l)
	})
}

// rebuild makes l again by the With methods.
func rebuild(t *testing.T, l locator.Locator) {
	made, err := locator.New(l.Hash(), l.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range l.Refs() {
		made = made.WithRef(r)
	}
	if l.Verified() {
		made = made.WithVerify()
	}
	if !strings.HasPrefix(l.String(), made.String()) {
		t.Fatalf("%s was rebuilt as %s", l, made)
	}
}

// FuzzParseURL wants every URL that is accepted to be the only spelling.
func FuzzParseURL(f *testing.F) {
	f.Fuzz(func(t *testing.T, url string) {
		o, err := locator.ParseURL(url)
		if err != nil {
			if o != (locator.Object{}) {
				t.Fatalf("an error came with the value %v", o)
			}
			return
		}
		if o.URL() != url {
			t.Fatalf("%q is accepted, but prints as %q", url, o.URL())
		}
		if err := o.Check(); err != nil || !o.Pinned() {
			t.Fatalf("%q is accepted, but %v", url, err)
		}
		if back, err := locator.DecodeObject(o.Encode()); err != nil || back != o {
			t.Fatalf("%q encodes to %q: %v", url, o.Encode(), err)
		}
	})
}

// FuzzDecodeObject wants every accepted text to be the only encoding.
func FuzzDecodeObject(f *testing.F) {
	f.Fuzz(func(t *testing.T, b string) {
		o, err := locator.DecodeObject(b)
		if err != nil {
			return
		}
		if o.Encode() != b {
			t.Fatalf("%q is accepted, but encodes to %q", b, o.Encode())
		}
	})
}
