// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/arvados-s3/keepstore/locator"
)

const (
	foo = "acbd18db4cc2f85cedef654fccc4a4d8+3"
	sig = "A0123456789abcdef0123456789abcdef01234567@7fffffff"
)

func TestParseFields(t *testing.T) {
	l := parse(t, foo+"+Zz+"+sig+"+Vmd5+C5+Bxx+K@zzzzz-bi6l4-000000000000000+Byy+Yq+C0+K@zzzzz")
	if l.Hash() != "acbd18db4cc2f85cedef654fccc4a4d8" || l.Size() != 3 || !l.Verified() {
		t.Errorf("hash %s, size %d, verified %v", l.Hash(), l.Size(), l.Verified())
	}
	if diff := cmp.Diff([]locator.Ref{{B: "xx", C: 5}, {B: "yy", C: 0}}, l.Refs()); diff != "" {
		t.Errorf("refs (-want +got):\n%s", diff)
	}
	if l.Signature().Expiry().Unix() != 0x7fffffff {
		t.Errorf("expiry %v", l.Signature().Expiry())
	}
	if !l.HasHint('Z') || !l.HasHint('Y') || l.HasHint('q') || l.HasHint('R') {
		t.Error("HasHint is wrong")
	}
	const want = foo + "+Bxx+C5+Byy+C0+Vmd5+K@zzzzz-bi6l4-000000000000000+K@zzzzz+Zz+Yq+" + sig
	if l.String() != want {
		t.Errorf("prints as %s, want %s", l, want)
	}
}

// TestHintOrder checks that the order of hints of different kinds changes
// nothing: not the value, not the text, not the identity.
func TestHintOrder(t *testing.T) {
	hints := []string{"+BczM6Ly9idWNrZXQva2V5P3ZlcnNpb25JZD12MQ", "+C0", "+K@zzzzz-bi6l4-000000000000000", "+Zabc", "+" + sig}
	first := parse(t, foo+strings.Join(hints, ""))
	rapid.Check(t, func(t *rapid.T) {
		text := foo + strings.Join(rapid.Permutation(hints).Draw(t, "hints"), "")
		l, err := locator.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if l != first || l.String() != first.String() || l.Identity() != first.Identity() {
			t.Fatalf("%s differs from %s", l, first)
		}
	})
}

func TestWith(t *testing.T) {
	l := parse(t, foo)
	ref := locator.Ref{B: "xx", C: 1<<63 - 1}
	full := l.WithRef(ref).WithVerify().WithService("zzzzz").WithSignature(parse(t, foo+"+"+sig).Signature())
	if again := parse(t, full.String()); again != full {
		t.Errorf("%s reads as %s", full, again)
	}
	if l.String() != foo || !slices.Equal(full.Refs(), []locator.Ref{ref}) {
		t.Error("With changed its receiver, or lost the pair")
	}
	if l.WithService("") != l || full.WithService("yyyyy").String() == full.String() || full.Unsigned().Signature() != (locator.Signature{}) {
		t.Error("WithService or Unsigned is wrong")
	}
	if _, err := locator.New("ABCD", 1); err == nil {
		t.Error("New took a bad hash")
	}
	if _, err := locator.New(locator.Opaque, -1); err == nil {
		t.Error("New took a negative size")
	}
	if !(locator.Locator{}).IsZero() || l.IsZero() {
		t.Error("IsZero is wrong")
	}
}

// TestWithPanics checks that the With methods cannot make a locator that
// prints as another one.
func TestWithPanics(t *testing.T) {
	l := parse(t, foo)
	for name, f := range map[string]func(){
		"empty B":      func() { l.WithRef(locator.Ref{}) },
		"hint in B":    func() { l.WithRef(locator.Ref{B: "x+Vmd5"}) },
		"line in B":    func() { l.WithRef(locator.Ref{B: "x\n"}) },
		"negative C":   func() { l.WithRef(locator.Ref{B: "x", C: -1}) },
		"hint in uuid": func() { l.WithService("zzzzz+Vmd5") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	if locator.CheckService("a b") == nil || locator.CheckService("") == nil || locator.CheckService("zzzzz-bi6l4-000000000000000") != nil {
		t.Error("CheckService is wrong")
	}
}

// TestParseIsLinear wants long input refused or read with memory in
// proportion to its length: joining texts piece by piece would need 100 times
// as much.
func TestParseIsLinear(t *testing.T) {
	for name, text := range map[string]string{
		"1 MiB of digits":     strings.Repeat("0", 1<<20),
		"100000 plus signs":   foo + strings.Repeat("+", 100000),
		"1 MiB hint":          foo + "+Z" + strings.Repeat("z", 1<<20),
		"longest refused":     foo + strings.Repeat("+", locator.MaxLength-len(foo)),
		"many alternatives":   foo + "+Vmd5" + strings.Repeat("+Bx+C0", 5000),
		"many service hints":  foo + strings.Repeat("+K", 16000),
		"many unknown hints":  foo + strings.Repeat("+Z", 16000),
		"many empty offsets":  foo + strings.Repeat("+C", 16000),
		"second size, 32 KiB": foo + strings.Repeat("+1", 16000),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		l, err := locator.Parse(text)
		if err == nil {
			_ = l.Identity()
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%s: used %d bytes for %d of input", name, used, len(text))
		}
		if len(text) > locator.MaxLength && err == nil {
			t.Errorf("%s: accepted", name)
		}
		if err != nil && len(err.Error()) > 200 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
	}
}

// TestErrorsHideSignatures: a locator that lost a part still has its
// signature, which no error shows more than a beginning of.
func TestErrorsHideSignatures(t *testing.T) {
	const hash, signature = "acbd18db4cc2f85cedef654fccc4a4d8", "0123456789abcdef0123456789abcdef01234567"
	for _, text := range []string{
		hash + "+A" + signature + "@7fffffff", hash + "+3A" + signature + "@7fffffff", hash + "+3+a" + signature + "@7fffffff",
		hash + "+3+A" + signature, hash + "+3+A" + signature + "@7fffffff+A" + signature + "@7fffffff",
	} {
		_, err := locator.Parse(text)
		if err == nil || strings.Contains(err.Error(), signature[:13]) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
