// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

const (
	testUUID = "zzzzz-4zz18-0123456789abcde"
	testHash = "0123456789abcdef0123456789abcdef+57"
)

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]target{
		testUUID:              {testUUID, ".", false},
		testUUID + "/":        {testUUID, ".", true},
		testUUID + "/a":       {testUUID, "a", false},
		testUUID + "//a/./b/": {testUUID, "a/b", true},
		testUUID + "/a b/…":   {testUUID, "a b/…", false},
		testHash:              {testHash, ".", false},
		testHash + "+Kx/a":    {testHash + "+Kx", "a", false},
	} {
		if got, err := parseTarget(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "/", "a", "./" + testUUID, testUUID + "x", "zzzzz-tpzed-0123456789abcde", testUUID + "/..", testUUID + "/a/../b", testUUID + "/\xff"} {
		exit := (*Exit)(nil)
		if got, err := parseTarget(text); !errors.As(err, &exit) || exit.Code != Usage {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

func TestParseRange(t *testing.T) {
	type ends struct{ from, to int64 }
	for text, want := range map[string]ends{
		"":                      {0, 10},
		"0-0":                   {0, 1},
		"2-4":                   {2, 5},
		"2-":                    {2, 10},
		"-3":                    {7, 10},
		"-30":                   {0, 10},
		"-0":                    {10, 10},
		"2-99":                  {2, 10},
		"2-9223372036854775807": {2, 10},
		"12-":                   {12, 10},
	} {
		if from, to, err := parseRange(text, 10); err != nil || (ends{from, to}) != want {
			t.Errorf("%q: got %d to %d, %v", text, from, to, err)
		}
	}
	for _, text := range []string{"-", "5", "4-2", "a-b", "+1-2", "1-+2", "1--2", "1-2-3", "9223372036854775808-"} {
		if from, to, err := parseRange(text, 10); err == nil {
			t.Errorf("%q: got %d to %d", text, from, to)
		}
	}
}

func TestEscaped(t *testing.T) {
	for name, want := range map[string]string{
		"plain Ünïcode 名": "plain Ünïcode 名",
		"a\x1b[31mb":      `a\033[31mb`,
		`a\033`:           `a\134033`,
		"a\nb\tc":         `a\012b\011c`,
		"a\u202eb":        `a\342\200\256b`,
		"a\xffb":          `a\377b`,
		"a\ufffdb":        `a\357\277\275b`,
	} {
		if got := escaped(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	if got := clean("a\x1b[31m \u202e\\ b"); got != "a?[31m ?\\ b" {
		t.Errorf("got %q", got)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", 1234567: "1,234,567"} {
		if got := count(n); got != want {
			t.Errorf("%d: got %s", n, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1<<20 - 1: "1.0 MiB", 5 << 40: "5.0 TiB", 1 << 62: "4096.0 PiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

// TestSummaryOfAnyWords: reasons come from the server, and must not play tricks
// on a terminal.
func TestSummaryOfAnyWords(t *testing.T) {
	var out, told bytes.Buffer
	r := report{SkippedBy: map[string]int64{"odd\x1b[2J": 1}}
	if err := r.printResult(&session{out: &out, err: &told}); err != nil {
		t.Fatal(err)
	}
	if text := told.String(); !strings.Contains(text, "odd?[2J") || strings.Contains(text, "\x1b") {
		t.Errorf("%q was told", text)
	}
}
