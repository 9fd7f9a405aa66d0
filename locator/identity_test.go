// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/arvados-s3/keepstore/locator"
)

type identityVector struct {
	Bucket, Key, Pin, Version string
	Offset, Size              int64
	URL, Reference, Identity  string
	Opaque, Derived           string
}

func (v identityVector) object() locator.Object {
	o := locator.Object{Bucket: v.Bucket, Key: v.Key, VersionID: v.Version}
	if v.Pin == "etag" {
		o.VersionID, o.ETag = "", v.Version
	}
	return o
}

// TestIdentityVectors compares with results computed by another program.
func TestIdentityVectors(t *testing.T) {
	var file struct{ Vectors []identityVector }
	load(t, "identities.json", &file)
	seen := map[locator.Hash]bool{}
	for _, v := range file.Vectors {
		o := v.object()
		ref := locator.Ref{B: o.Encode(), C: v.Offset}
		got := v
		got.URL, got.Identity = o.URL(), string(locator.Identity(v.Size, ref))
		got.Opaque = parse(t, v.Opaque).String()
		got.Derived = string(parse(t, v.Opaque).Identity()) + "+" + v.Reference
		if diff := cmp.Diff(v, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		back, err := locator.DecodeObject(parse(t, v.Derived).Refs()[0].B)
		if err != nil || back != o {
			t.Errorf("%s decodes to %+v, %v", v.Derived, back, err)
		}
		seen[locator.Hash(v.Identity)] = true
	}
	if len(seen) != len(file.Vectors) || len(seen) < 10 {
		t.Errorf("%d vectors have %d identities", len(file.Vectors), len(seen))
	}
}

// drawObject draws objects whose fields are likely to run into each other.
func drawObject(t *rapid.T, label string) locator.Object {
	o := locator.Object{
		Bucket: rapid.StringMatching(`[a-z][a-z0-9]{2,5}`).Draw(t, label+" bucket"),
		Key:    rapid.OneOf(rapid.StringMatching(`[a/?=&%+CB0-9]{1,6}`), rapid.StringN(1, 200, 1024)).Draw(t, label+" key"),
	}
	pin := rapid.StringMatching(`[!#-~]{1,20}`).Draw(t, label+" pin")
	if rapid.Bool().Draw(t, label+" etag") {
		o.ETag = pin
	} else {
		o.VersionID = pin
	}
	if o.Check() != nil {
		t.Skip("not a legal object")
	}
	return o
}

// TestIdentityFieldBoundaries checks that two references have one identity
// only when every field is equal: no text can move from one field to the next.
func TestIdentityFieldBoundaries(t *testing.T) {
	type reference struct {
		Object       locator.Object
		Offset, Size int64
	}
	identity := func(r reference) locator.Hash {
		return locator.Identity(r.Size, locator.Ref{B: r.Object.Encode(), C: r.Offset})
	}
	base := reference{locator.Object{Bucket: "aaa", Key: "b/c", VersionID: "1"}, 11, 1}
	for _, r := range []reference{
		{locator.Object{Bucket: "aaab", Key: "c", VersionID: "1"}, 11, 1},
		{locator.Object{Bucket: "aaa", Key: "b", VersionID: "c1"}, 11, 1},
		{locator.Object{Bucket: "aaa", Key: "b/c?versionId=1", VersionID: "1"}, 11, 1},
		{locator.Object{Bucket: "aaa", Key: "b/c", VersionID: "11"}, 1, 1},
		{locator.Object{Bucket: "aaa", Key: "b/c", ETag: "1"}, 11, 1},
		{base.Object, 1, 11},
		{base.Object, 1, 1},
		{base.Object, 11, 11},
	} {
		if identity(r) == identity(base) {
			t.Errorf("%+v and %+v have one identity", r, base)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) reference {
			return reference{drawObject(t, label), rapid.Int64Range(0, 120).Draw(t, label+" offset"), rapid.Int64Range(1, 120).Draw(t, label+" size")}
		}
		a, b := draw("a"), draw("b")
		if rapid.Bool().Draw(t, "same") {
			b = a
		}
		if (identity(a) == identity(b)) != (a == b) {
			t.Fatalf("identities of %+v and %+v: %s, %s", a, b, identity(a), identity(b))
		}
	})
}

// TestReduced checks what stands in a portable data hash.
func TestReduced(t *testing.T) {
	const ref = "5+BczM6Ly9idWNrZXQva2V5P3ZlcnNpb25JZD12MQ+C0"
	opaque := parse(t, "ffffffffffffffffffffffffffffffff+"+ref)
	derived := parse(t, string(opaque.Identity())+"+"+ref)
	content := parse(t, "acbd18db4cc2f85cedef654fccc4a4d8+"+ref+"+Vmd5")
	for _, test := range []struct {
		l    locator.Locator
		want string
	}{
		{opaque, string(opaque.Identity()) + "+5"},
		{derived, derived.Stripped()},
		{content, "acbd18db4cc2f85cedef654fccc4a4d8+5"},
		{parse(t, "acbd18db4cc2f85cedef654fccc4a4d8+3+Zx"), "acbd18db4cc2f85cedef654fccc4a4d8+3"},
	} {
		if got := test.l.Reduced(); got != test.want {
			t.Errorf("%s: got %s, want %s", test.l, got, test.want)
		}
	}
	if opaque.Stripped() == opaque.Reduced() {
		t.Error("an opaque locator counts with its constant hash")
	}
}
