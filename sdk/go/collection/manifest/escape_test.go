// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":               "",
		"plain-name_1.~": "plain-name_1.~",
		"a b":            `a\040b`,
		"a:b":            `a\072b`,
		`a\b`:            `a\134b`,
		`a\040b`:         `a\134040b`,
		"\x01\t\n\r\x1f": `\001\011\012\015\037`,
		"a/b":            "a/b",
		"é漢\x7f":         "é漢\x7f",
		"a\u00a0b":       `a\302\240b`,
		"a\u3000\u2028":  `a\343\200\200\342\200\250`,
	} {
		if got := manifest.Escape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestEscapeRoundTrip decodes as stock Go and Ruby do, and wants no character
// left on which any stock reader splits.
func TestEscapeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		escaped := manifest.Escape(name)
		if strings.ContainsFunc(escaped, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) && r < ' ' || r == ':' }) {
			t.Fatalf("%q escapes to %q", name, escaped)
		}
		if got := unescape(escaped); got != name {
			t.Fatalf("%q escapes to %q, which reads as %q", name, escaped, got)
		}
	})
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		c, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		if err != nil {
			return err.Error()
		}
		b.WriteByte(byte(c))
		i += 3
	}
	return b.String()
}
