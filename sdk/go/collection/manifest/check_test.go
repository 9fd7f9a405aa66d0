// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

func unsign(l locator.Locator) (locator.Locator, error) { return l.Unsigned(), nil }

// TestRewriteVectors compares what is counted with stock Arvados, and the text
// with the one that Arvados stores, which has no signatures.
func TestRewriteVectors(t *testing.T) {
	for _, v := range vectors(t) {
		text, info, err := manifest.Rewrite(v.Text, unsign)
		if err != nil || info.Files != v.Files || info.Bytes != v.Bytes {
			t.Errorf("%s: got %+v, %v; Arvados counts %d files, %d bytes", v.Name, info, err, v.Files, v.Bytes)
		}
		if pdh, err := manifest.PDH(v.Text); err != nil || pdh != info.PDH {
			t.Errorf("%s: hash %s, but PDH gives %s, %v", v.Name, info.PDH, pdh, err)
		}
		if strings.Contains(text, "+A") || !strings.Contains(v.Text, "+A") && !strings.Contains(v.Text, "+R") && text != v.Text {
			t.Errorf("%s: became %q", v.Name, text)
		}
		again, _, err := manifest.Rewrite(text, unsign)
		if err != nil || again != text {
			t.Errorf("%s: rewritten twice it is %q, %v", v.Name, again, err)
		}
		mapped, err := manifest.Map(v.Text, locator.Locator.Unsigned)
		if err != nil || mapped != text {
			t.Errorf("%s: Map gives %q, %v; Rewrite gives %q", v.Name, mapped, err, text)
		}
	}
}

func TestRewriteRefuses(t *testing.T) {
	const foo = "acbd18db4cc2f85cedef654fccc4a4d8+3"
	for _, text := range []string{
		"", ". " + foo + " 0:3:f\n", "./a/b " + foo + " 0:3:c/d\n", ". " + foo + ` 0:3:\141\\b\040` + "\n", "./e " + locator.Empty + ` 0:0:\056` + "\n",
		". " + foo + " 3:0:empty.at.end\n", ". " + foo + " 00:003:zeros\n", ". " + foo + " 0:3:a:b\n",
	} {
		if _, _, err := manifest.Rewrite(text, unsign); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for name, text := range map[string]string{
		"beyond the blocks":    ". " + foo + " 0:4:f\n",
		"far beyond":           ". " + foo + " 9223372036854775807:1:f\n",
		"too large a number":   ". " + foo + " 0:9223372036854775808:f\n",
		"plus sign":            ". " + foo + " +0:3:f\n",
		"dot":                  ". " + foo + ` 0:3:\056` + "\n",
		"dot dot":              ". " + foo + " 0:3:..\n",
		"hidden dot dot":       ". " + foo + ` 0:3:a/\056\056/b` + "\n",
		"slash at the end":     ". " + foo + " 0:3:a/\n",
		"slash at the start":   ". " + foo + " 0:3:/a\n",
		"stream slash":         "./ " + foo + " 0:3:a\n",
		"stream dot dot":       "./.. " + foo + " 0:3:a\n",
		"stream double slash":  "./a//b " + foo + " 0:3:a\n",
		"lone backslash":       ". " + foo + ` 0:3:a\` + "\n",
		"escape too large":     ". " + foo + ` 0:3:\400` + "\n",
		"half a character":     ". " + foo + ` 0:3:\303` + "\n",
		"no line feed":         ". " + foo + " 0:3:f",
		"blocks that overflow": ". " + foo + " acbd18db4cc2f85cedef654fccc4a4d8+9223372036854775807 0:3:f\n",
	} {
		got, info, err := manifest.Rewrite("./good "+foo+" 0:3:f\n"+text, unsign)
		if !errors.Is(err, &manifest.Error{Kind: manifest.BadManifest}) || got != "" || info != (manifest.Info{}) || !strings.Contains(err.Error(), "line 2 ") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// TestRewriteStops: an error of the function ends it and passes through.
func TestRewriteStops(t *testing.T) {
	wanted, calls := errors.New("no"), 0
	_, _, err := manifest.Rewrite(". "+locator.Empty+" "+locator.Empty+" 0:0:f\n", func(l locator.Locator) (locator.Locator, error) {
		calls++
		return l, wanted
	})
	if err != wanted || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

// TestRewriteWritten: whatever Writer writes is accepted, with its hash.
func TestRewriteWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		w := manifest.NewWriter(&text)
		files := map[string]bool{}
		for _, path := range rapid.SliceOf(rapid.StringMatching(`[a-c \\:é]{1,3}(/[a-c.]{1,4}x)?`)).Draw(t, "paths") {
			if err := w.Add(path, 0, nil); err != nil {
				t.Fatal(err)
			}
			files[path] = true
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		got, info, err := manifest.Rewrite(text.String(), unsign)
		if err != nil || got != text.String() || info.PDH != w.PDH() || info.Files != len(files) {
			t.Fatalf("%q became %q, %+v, %v", text.String(), got, info, err)
		}
	})
}

func TestMapRefuses(t *testing.T) {
	for _, text := range []string{". " + locator.Empty + " 0:0:f", ". " + locator.Empty + "\n", ". nonsense 0:0:f\n"} {
		got, err := manifest.Map(text, locator.Locator.Unsigned)
		if !errors.Is(err, &manifest.Error{Kind: manifest.BadManifest}) || got != "" {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestUnescape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		if got, err := manifest.Unescape(manifest.Escape(name)); err != nil || got != name {
			t.Fatalf("%q becomes %q, %v", name, got, err)
		}
	})
}

// FuzzRewrite wants every accepted text to be stable, to have the hash that
// PDH gives, and every text refused by PDH to be refused.
func FuzzRewrite(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		got, info, err := manifest.Rewrite(text, unsign)
		pdh, pdhErr := manifest.PDH(text)
		if err != nil {
			if len(err.Error()) > 600 || got != "" {
				t.Fatalf("%q with an error of %d bytes", got, len(err.Error()))
			}
			return
		}
		again, second, err := manifest.Rewrite(got, unsign)
		if err != nil || pdhErr != nil || again != got || second != info || pdh != info.PDH {
			t.Fatalf("%q became %q and then %q, %+v %+v, %s, %v %v", text, got, again, info, second, pdh, err, pdhErr)
		}
	})
}
