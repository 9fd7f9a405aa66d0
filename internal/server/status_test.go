// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/arvados"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
	"github.com/arvados-s3/keepstore/s3read"
)

func words[K ~string](kinds []K) []string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return out
}

// TestEveryKindHasAStatus: the table is total.
func TestEveryKindHasAStatus(t *testing.T) {
	kinds := map[string][]string{
		"locator": words(locator.Kinds()), "pseudoblock": words(pseudoblock.Kinds()), "creds": words(creds.Kinds()),
		"s3read": words(s3read.Kinds()), "resolver": words(resolver.Kinds()), "importer": words(importer.Kinds()), "arvados": words(arvados.Kinds()),
		"keep": words(keep.Kinds()), "volume": words(volume.Kinds()),
	}
	for name, list := range kinds {
		if len(list) == 0 {
			t.Errorf("package %s lists no kinds", name)
		}
		for _, word := range list {
			if _, ok := answers()[word]; !ok {
				t.Errorf("the kind %q of package %s has no row in the table", word, name)
			}
		}
	}
}

// TestErrorDocument: docs/errors.md has each word of the table with its
// status, and no other.
func TestErrorDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| ([0-9]{3}) \\|").FindAllStringSubmatch(string(text), -1) {
		told[m[1]], _ = strconv.Atoi(m[2])
	}
	for word, a := range answers() {
		if told[word] != a.status {
			t.Errorf("docs/errors.md gives %q the status %d, the table %d", word, told[word], a.status)
		}
		delete(told, word)
	}
	if len(told) > 0 {
		t.Errorf("docs/errors.md has words that the table has not: %v", told)
	}
}

// TestStatusesOfClients: the statuses that the Keep clients disagree about
// are never used, and only 5xx asks to try again.
func TestStatusesOfClients(t *testing.T) {
	for word, a := range answers() {
		if a.status == 409 || a.status == 423 || a.status == 429 || a.status == 500 {
			t.Errorf("%s has status %d", word, a.status)
		}
		if a.retry && a.status < 502 {
			t.Errorf("%s has status %d and asks to try again", word, a.status)
		}
	}
}

func TestExplain(t *testing.T) {
	rows := []struct {
		err  error
		word string
	}{
		{&s3read.Error{Kind: s3read.Denied, Text: "no"}, "s3-denied"},
		{fmt.Errorf("reading: %w", &s3read.Error{Kind: s3read.NotFound, Text: "no"}), "s3-not-found"},
		{context.Canceled, "canceled"},
		{fmt.Errorf("waiting: %w", context.DeadlineExceeded), "deadline"},
		{errors.New("dial tcp 10.1.2.3:9000: secret host"), "internal"},
	}
	for _, row := range rows {
		word, text := explain(row.err)
		if word != row.word || word == "internal" && regexp.MustCompile(`secret|10\.`).MatchString(text) {
			t.Errorf("%v became %q %q", row.err, word, text)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("a\r\nb\x1b[31mc\u2028d", 100); got != "a\ufffd\ufffdb\ufffd[31mc\ufffdd" {
		t.Errorf("got %q", got)
	}
	if got := printable("\u20ac\u20ac\u20ac\u20ac", 8); got != "\u20ac…" {
		t.Errorf("got %q", got)
	}
}
