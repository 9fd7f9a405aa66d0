// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/arvados-s3/keepstore/locator"
)

// TestObjectRoundTrip draws arbitrary keys and pins.
func TestObjectRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObject(t, "o")
		back, err := locator.ParseURL(o.URL())
		if err != nil || back != o {
			t.Fatalf("%+v prints as %q, which reads as %+v, %v", o, o.URL(), back, err)
		}
		back, err = locator.DecodeObject(o.Encode())
		if err != nil || back != o {
			t.Fatalf("%+v encodes to %q, which decodes to %+v, %v", o, o.Encode(), back, err)
		}
	})
}

// TestOneSpelling re-spells one character of a canonical URL in every other
// way and wants each refused.
func TestOneSpelling(t *testing.T) {
	const canonical = "s3://bucket/a%2Bb~c/%C3%A9?versionId=x%2Fy"
	if _, err := locator.ParseURL(canonical); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"%2B", "+"}, {"%2B", "%2b"}, {"~", "%7E"}, {"/%C3", "%2F%C3"}, {"%C3%A9", "é"}, {"%C3%A9", "%c3%a9"},
		{"a", "%61"}, {"x%2Fy", "x/y"}, {"?", "%3F"}, {"bucket", "buck%65t"},
		{"x%2Fy", "x%2"}, {"a%2B", "a%"}, {"a%2B", "a%2"}, {"a%2B", "a%GG"},
	} {
		url := strings.Replace(canonical, change[0], change[1], 1)
		if url == canonical {
			t.Errorf("%q does not occur", change[0])
		}
		if o, err := locator.ParseURL(url); err == nil && o.URL() != url {
			t.Errorf("%q was read as %q", url, o.URL())
		} else if err == nil {
			t.Errorf("%q was taken as a spelling of its own: %+v", url, o)
		}
	}
}

func TestCheckBucket(t *testing.T) {
	for _, name := range []string{"abc", "a-b", "a.b.c", "1234", "3abc", "my-bucket.2026", "1.2.3", "1.2.3.4.5", "1.2.3.4a",
		strings.Repeat("a", 63), "a-s3aliasx", "xn-a", "a--x-s3b"} {
		if err := locator.CheckBucket(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "ab", strings.Repeat("a", 64), "Abc", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "...",
		"1.2.3.4", "999.1.1.1", "010.001.000.001", "xn--abc", "sthree-abc", "a-s3alias", "a-ext-s3alias", "a--ol-s3", "a--op-s3",
		"a--use1-az4--x-s3", "a--xa-s3", "a--table-s3", "abc.mrap", "a/b", "a%b", "a@b", "a:b", "a?b", "a#b", "a\\b", "a b", "a\x00b", "büc",
		"arn:aws:s3:::bucket", "arn:aws:s3:us-east-1:111122223333:accesspoint/x"} {
		if err := locator.CheckBucket(name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestCheckKey(t *testing.T) {
	for _, key := range []string{"a", strings.Repeat("é", 512), "/", "..", "a\r\n\tb", "\x7f\x01"} {
		if err := locator.CheckKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, key := range []string{"", strings.Repeat("é", 512) + "x", "\xff", "a\x00"} {
		if err := locator.CheckKey(key); err == nil {
			t.Errorf("%q was accepted", key)
		}
	}
}

// TestPins covers what a pin may be.
func TestPins(t *testing.T) {
	unpinned := &locator.Error{Kind: locator.Unpinned}
	badLocator := &locator.Error{Kind: locator.BadLocator}
	for _, test := range []struct {
		version, etag string
		want          error
	}{
		{"v1", "", nil},
		{"", "d41d8cd98f00b204e9800998ecf8427e-2", nil},
		{strings.Repeat("v", 1024), "", nil},
		{"", "", unpinned},
		{"null", "", unpinned},
		{"", "null", nil},
		{"v1", "e", badLocator},
		{strings.Repeat("v", 1025), "", badLocator},
		{"a b", "", badLocator},
		{"a\r\nHost: x", "", badLocator},
		{"", "\"quoted\"", badLocator},
		{"é", "", badLocator},
	} {
		o := locator.Object{Bucket: "bucket", Key: "key", VersionID: test.version, ETag: test.etag}
		if err := o.Check(); !matches(err, test.want) {
			t.Errorf("%q %q: got %v, want %v", test.version, test.etag, err, test.want)
		}
	}
}
