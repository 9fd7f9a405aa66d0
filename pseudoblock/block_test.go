// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// TestForms writes one extent in the three forms and reads it back.
func TestForms(t *testing.T) {
	e := pseudoblock.Extent{Object: object("key"), Offset: 256, Size: 512}
	opaque, derived := write(t, pseudoblock.Opaque, e), write(t, pseudoblock.Derived, e)
	content, err := pseudoblock.ContentLocator("ACBD18DB4CC2F85CEDEF654FCCC4A4D8", e)
	if err != nil {
		t.Fatal(err)
	}
	identity := locator.Identity(512, e.Ref())
	for _, c := range []struct {
		l    locator.Locator
		want pseudoblock.Block
	}{
		{opaque, pseudoblock.Block{Form: pseudoblock.Opaque, Identity: identity}},
		{derived, pseudoblock.Block{Form: pseudoblock.Derived, Identity: identity}},
		{content, pseudoblock.Block{Form: pseudoblock.Content, Identity: fooHash}},
	} {
		c.want.Size, c.want.Extents = 512, []pseudoblock.Extent{e}
		got, err := read(c.l.String())
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.l, err, diff)
		}
		if !pseudoblock.Is(c.l) || c.l.Identity() != got.Identity {
			t.Errorf("%s: not a pseudo-block, or another identity", c.l)
		}
	}
	if _, err := e.Locator(pseudoblock.Content); err == nil {
		t.Error("Locator wrote content form without an MD5")
	}
	if _, err := e.Locator(0); err == nil {
		t.Error("Locator wrote a form that does not exist")
	}
}

// TestRoundTrip draws extents and wants them back from both unsigned forms;
// reading and writing again gives the same text.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := pseudoblock.Extent{
			Object: locator.Object{Bucket: "bucket", Key: rapid.StringN(1, 100, 1024).Draw(t, "key"), VersionID: rapid.StringMatching(`[!#-~]{1,40}`).Draw(t, "version")},
			Offset: rapid.Int64Range(0, 1<<62).Draw(t, "offset"),
			Size:   rapid.Int64Range(1, pseudoblock.MaxSize).Draw(t, "size"),
		}
		if e.Check() != nil {
			t.Skip("not a legal extent")
		}
		for _, f := range []pseudoblock.Form{pseudoblock.Opaque, pseudoblock.Derived} {
			l, err := e.Locator(f)
			if err != nil {
				t.Fatal(err)
			}
			b, err := read(l.String())
			if err != nil || b.Form != f || !slices.Equal(b.Extents, []pseudoblock.Extent{e}) {
				t.Fatalf("%s reads as %+v, %v", l, b, err)
			}
			if again, _ := b.Extents[0].Locator(b.Form); again != l {
				t.Fatalf("%s was written again as %s", l, again)
			}
		}
	})
}

// TestEdited changes one part of a derived locator at a time and wants it
// refused; in an opaque locator the same change gives another identity.
func TestEdited(t *testing.T) {
	e := pseudoblock.Extent{Object: object("key"), Offset: 256, Size: 512}
	opaque, derived := write(t, pseudoblock.Opaque, e).String(), write(t, pseudoblock.Derived, e).String()
	before, err := read(opaque)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"size":   {"+512+", "+511+"},
		"object": {goodB, otherB},
		"offset": {"+C256", "+C255"},
	} {
		if _, err := read(strings.Replace(derived, change[0], change[1], 1)); word(t, err) != badWord || !strings.Contains(err.Error(), "edited") {
			t.Errorf("%s changed in derived form: %v", name, err)
		}
		after, err := read(strings.Replace(opaque, change[0], change[1], 1))
		if err != nil || after.Identity == before.Identity {
			t.Errorf("%s changed in opaque form: identity %s, %v", name, after.Identity, err)
		}
	}
	if _, err := read("0" + derived[1:]); derived[0] == '0' || word(t, err) != badWord {
		t.Errorf("hash changed: %v", err)
	}
	if _, err := read(derived); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

// TestBuiltByHand covers locators that Parse would refuse but the With
// methods can make.
func TestBuiltByHand(t *testing.T) {
	e := pseudoblock.Extent{Object: object("key"), Size: 5}
	l := write(t, pseudoblock.Opaque, e).WithRef(locator.Ref{B: e.Ref().B, C: 9})
	if b, err := pseudoblock.FromLocator(l); word(t, err) != badWord {
		t.Errorf("opaque form with two extents: %+v, %v", b, err)
	}
	if b, err := pseudoblock.FromLocator(locator.Locator{}); word(t, err) != badWord {
		t.Errorf("the zero locator: %+v, %v", b, err)
	}
}

func TestAlternatives(t *testing.T) {
	a := pseudoblock.Extent{Object: object("a"), Size: 5}
	b := pseudoblock.Extent{Object: object("b"), Offset: 7, Size: 5}
	l, err := pseudoblock.ContentLocator(fooHash, a, b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(l.String())
	if err != nil || !slices.Equal(got.Extents, []pseudoblock.Extent{a, b}) || got.Identity != fooHash {
		t.Errorf("got %+v, %v", got, err)
	}
	long := pseudoblock.Extent{Object: object("c"), Size: 6}
	huge := pseudoblock.Extent{Object: object("c"), Size: pseudoblock.MaxContent + 1}
	for name, c := range map[string]struct {
		md5     locator.Hash
		extents []pseudoblock.Extent
		want    string
	}{
		"none":        {fooHash, nil, badWord},
		"two sizes":   {fooHash, []pseudoblock.Extent{a, long}, badWord},
		"too large":   {fooHash, []pseudoblock.Extent{huge}, tooLarge},
		"twice":       {fooHash, []pseudoblock.Extent{a, a}, badWord},
		"no extent":   {fooHash, []pseudoblock.Extent{{Size: 5}}, badWord},
		"opaque hash": {locator.Opaque, []pseudoblock.Extent{a}, badWord},
		"not a hash":  {"md5", []pseudoblock.Extent{a}, badWord},
		"fits":        {fooHash, []pseudoblock.Extent{{Object: a.Object, Size: pseudoblock.MaxContent}}, ""},
	} {
		l, err := pseudoblock.ContentLocator(c.md5, c.extents...)
		if got := word(t, err); got != c.want || (err != nil) != l.IsZero() {
			t.Errorf("%s: got %v, %v", name, l, err)
		}
	}
}

// TestLostHints wants a pseudo-block without its hints to be recognised, and
// the reader told what happened.
func TestLostHints(t *testing.T) {
	l, err := locator.Parse(allF + "+5")
	if err != nil || !pseudoblock.Is(l) {
		t.Fatalf("%v: not a pseudo-block, %v", l, err)
	}
	if _, err := pseudoblock.FromLocator(l); err == nil || !strings.Contains(err.Error(), "lost its +B hint") || !strings.Contains(err.Error(), "arv-copy") {
		t.Errorf("got %v", err)
	}
	ordinary, err := locator.Parse(fooHash + "+3+Zx")
	if err != nil || pseudoblock.Is(ordinary) {
		t.Fatalf("%v: taken as a pseudo-block, %v", ordinary, err)
	}
	if _, err := pseudoblock.FromLocator(ordinary); err == nil || !strings.Contains(err.Error(), "ordinary block") {
		t.Errorf("got %v", err)
	}
}

func TestFormNames(t *testing.T) {
	for _, f := range []pseudoblock.Form{pseudoblock.Opaque, pseudoblock.Derived, pseudoblock.Content} {
		if got, err := pseudoblock.ParseForm(f.String()); err != nil || got != f {
			t.Errorf("%s reads as %s, %v", f, got, err)
		}
	}
	for _, name := range []string{"", "unknown", "Opaque"} {
		if f, err := pseudoblock.ParseForm(name); word(t, err) != badWord {
			t.Errorf("%q reads as %s", name, f)
		}
	}
}

func TestErrorWords(t *testing.T) {
	for _, kind := range pseudoblock.Kinds() {
		err := error(&pseudoblock.Error{Kind: kind, Text: "text"})
		if !errors.Is(err, &pseudoblock.Error{Kind: kind}) || errors.Is(err, &pseudoblock.Error{Kind: kind + "x"}) || word(t, err) != string(kind) {
			t.Errorf("%s does not match itself alone", kind)
		}
	}
}
