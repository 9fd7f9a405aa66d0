// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

type vector struct {
	Name, Text, PDH string
	Files           int
	Bytes           int64
}

func vectors(t testing.TB) []vector {
	t.Helper()
	f, err := os.Open("../../../../testdata/vectors/manifests.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var file struct{ Vectors []vector }
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 29 {
		t.Errorf("got %d vectors, want 29", len(file.Vectors))
	}
	return file.Vectors
}

func hasReference(text string) bool { return strings.Contains(text, "+B") }

// derive rewrites every opaque locator of a manifest in derived form.
func derive(t *testing.T, text string) string {
	t.Helper()
	for _, token := range strings.Fields(text) {
		if l, err := locator.Parse(token); err == nil && len(l.Refs()) > 0 {
			text = strings.Replace(text, token, string(l.Identity())+token[32:], 1)
		}
	}
	return text
}

// stockPDH is the rule of stock Arvados: it keeps the hash of each locator.
func stockPDH(t *testing.T, text string) string {
	t.Helper()
	for _, token := range strings.Fields(text) {
		if l, err := locator.Parse(token); err == nil {
			text = strings.Replace(text, token, l.Stripped(), 1)
		}
	}
	pdh, err := manifest.PDH(text) // of stripped text, where both rules agree
	if err != nil {
		t.Fatal(err)
	}
	return pdh
}

// TestPDHVectors compares with stock Arvados. Manifests without references
// must agree; those with references must not, but their derived spelling must
// be one that stock computes the same hash for.
func TestPDHVectors(t *testing.T) {
	ordinary, references := 0, map[string]string{}
	for _, v := range vectors(t) {
		got, err := manifest.PDH(v.Text)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if stock := stockPDH(t, v.Text); stock != v.PDH {
			t.Errorf("%s: the stock rule of this test gives %s, Arvados %s", v.Name, stock, v.PDH)
		}
		if !hasReference(v.Text) {
			ordinary++
			if got != v.PDH {
				t.Errorf("%s: got %s, stock has %s", v.Name, got, v.PDH)
			}
			continue
		}
		derived := derive(t, v.Text)
		again, err := manifest.PDH(derived)
		if err != nil || again != got || stockPDH(t, derived) != got || got == v.PDH {
			t.Errorf("%s: opaque %s, derived %s, stock of derived %s, stock of opaque %s, %v", v.Name, got, again, stockPDH(t, derived), v.PDH, err)
		}
		if strings.HasSuffix(v.Name, "signed") {
			continue // a second spelling of object 1
		}
		if other, ok := references[got]; ok {
			t.Errorf("%s and %s have one portable data hash", v.Name, other)
		}
		references[got] = v.Name
	}
	if ordinary < 20 || len(references) < 7 {
		t.Errorf("only %d ordinary vectors and %d with references", ordinary, len(references))
	}
}

// TestPDHSigned checks that signatures and service hints do not count.
func TestPDHSigned(t *testing.T) {
	byName := map[string]string{}
	for _, v := range vectors(t) {
		byName[v.Name], _ = manifest.PDH(v.Text)
	}
	if a, b := byName["pseudo-blocks, object 1"], byName["pseudo-blocks signed"]; a != b || a == "" {
		t.Errorf("unsigned %s, signed %s", a, b)
	}
}

func TestPDHRefuses(t *testing.T) {
	const foo = "acbd18db4cc2f85cedef654fccc4a4d8+3"
	if _, err := manifest.PDH(". " + foo + " 0:3:f\n"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no line feed":       ". " + foo + " 0:3:f",
		"cut short":          ". " + foo + " 0:3:f\n./d " + foo,
		"two spaces":         ".  " + foo + " 0:3:f\n",
		"space at the end":   ". " + foo + " 0:3:f \n",
		"empty line":         ". " + foo + " 0:3:f\n\n",
		"no block":           ". 0:0:f\n",
		"no file":            ". " + foo + "\n",
		"no name":            foo + " 0:3:f\n",
		"bad stream name":    "/d " + foo + " 0:3:f\n",
		"block after a file": ". " + foo + " 0:3:f " + foo + "\n",
		"bad locator":        ". " + foo + "+z 0:3:f\n",
		"file without name":  ". " + foo + " 0:3:\n",
		"negative position":  ". " + foo + " -1:3:f\n",
		"tab":                ".\t" + foo + "\t0:3:f\n",
	} {
		pdh, err := manifest.PDH(text)
		if !errors.Is(err, &manifest.Error{Kind: manifest.BadManifest}) || pdh != "" || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%s: got %q, %v", name, pdh, err)
		}
	}
}

func TestErrorWords(t *testing.T) {
	for _, kind := range manifest.Kinds() {
		err := &manifest.Error{Kind: kind, Text: "text", Err: os.ErrNotExist}
		if err.Word() != string(kind) || err.Error() != "text" || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s has the wrong word, text or cause", kind)
		}
	}
}
