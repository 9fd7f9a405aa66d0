// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock_test

import (
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// notReadable says why each vector that Parse accepts as a pseudo-block names
// no block of ours. They are grammar samples from before there were rules for
// what stands in +B.
var notReadable = []struct{ contains, reason, want string }{
	{"+9223372036854775807+", "larger than the largest S3 object", tooLarge},
	{"+BczM6Ly9iLz8_Pj5-fg", "s3://b/??>>~~: a bucket of one letter, and no version", badWord},
	{"+BczM6Ly9iL2tr", "s3://b/kk: a bucket of one letter, and no version", badWord},
	{"ZXJzaW9uSWQ9M3NMNGtxdEpsY3BYcm9EVERtSitybVNwWGQzZElickhZ", "the + in the version is not percent-encoded", badWord},
	{"zc0w0a3F0SmxjcFhyb0RURG1KK3JtU3BYZDNkSWJySFk", "the + in the version is not percent-encoded", badWord},
	{"+B-abc", "not a URL", badWord},
	{"+B_abc", "not a URL", badWord},
	{"+BAxxx", "not a URL", badWord},
	{"a4d8+", "an ordinary block", badWord},
	{"427e+", "an ordinary block", badWord},
}

// TestLocatorVectors wants every locator vector read, or its reason named.
func TestLocatorVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Locator    string
			Documented bool
			Size       *int64
		}
	}
	load(t, "locators.json", &file)
	parsed := 0
	for _, v := range file.Vectors {
		l, err := locator.Parse(v.Locator)
		if err != nil {
			continue // package locator's test names the reason
		}
		parsed++
		_, err = pseudoblock.FromLocator(l)
		if want, ok := expected(v.Locator); !ok || word(t, err) != want {
			t.Errorf("%.120s: got %v, and the table has %q, %v", v.Locator, err, want, ok)
		}
	}
	if parsed < 20 {
		t.Errorf("only %d vectors parse", parsed)
	}
}

func expected(text string) (want string, ok bool) {
	for _, row := range notReadable {
		if strings.Contains(text, row.contains) {
			return row.want, true
		}
	}
	return "", false
}

// TestIdentityVectors reads and writes the vectors that other languages share.
func TestIdentityVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Bucket, Key, Pin, Version                 string
			Offset, Size                              int64
			URL, Reference, Identity, Opaque, Derived string
		}
	}
	load(t, "identities.json", &file)
	for _, v := range file.Vectors {
		for form, text := range map[pseudoblock.Form]string{pseudoblock.Opaque: v.Opaque, pseudoblock.Derived: v.Derived} {
			b, err := read(text)
			if err != nil || b.Form != form || string(b.Identity) != v.Identity || len(b.Extents) != 1 {
				t.Errorf("%s: %+v, %v", text, b, err)
				continue
			}
			e := b.Extents[0]
			if e.Object.URL() != v.URL || e.Object.Bucket != v.Bucket || e.Object.Key != v.Key || e.Object.VersionID+e.Object.ETag != v.Version ||
				(v.Pin == "etag") != (e.Object.ETag != "") || e.Offset != v.Offset || e.Size != v.Size {
				t.Errorf("%s names %+v", text, e)
			}
			if got := write(t, form, e).String(); got != text {
				t.Errorf("%s was written as %s", text, got)
			}
		}
	}
	if len(file.Vectors) == 0 {
		t.Error("no vectors")
	}
}
