// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// section returns the part of docs/locator.md under a heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/locator.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("docs/locator.md has no section %q", heading)
	}
	body, _, _ := strings.Cut(after, "\n## ")
	return body
}

// rows returns the cells of the table rows of a section whose first cell
// matches; code marks are taken off.
func rows(t *testing.T, heading, first string) [][]string {
	t.Helper()
	var out [][]string
	for line := range strings.Lines(section(t, heading)) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "| ")
		if !ok || !regexp.MustCompile(first).MatchString(line) {
			continue
		}
		var cells []string
		for _, cell := range strings.Split(strings.TrimSuffix(line, " |"), " | ") {
			cells = append(cells, strings.Trim(cell, "`"))
		}
		out = append(out, cells)
	}
	if len(out) == 0 {
		t.Fatalf("section %q has no table", heading)
	}
	return out
}

// TestDocumentIdentity checks the worked example.
func TestDocumentIdentity(t *testing.T) {
	cells := map[string]string{}
	for _, row := range rows(t, "Identity", "`") {
		cells[row[0]] = row[1]
	}
	o, err := locator.ParseURL(cells["URL"])
	if err != nil {
		t.Fatal(err)
	}
	e := pseudoblock.Extent{Object: o, Offset: 256, Size: 512}
	opaque, derived := write(t, pseudoblock.Opaque, e), write(t, pseudoblock.Derived, e)
	content, err := pseudoblock.ContentLocator(fooHash, e)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"reference text": strings.TrimPrefix(opaque.String(), allF+"+"),
		"identity hash":  string(opaque.Identity()),
		"opaque form":    opaque.String(),
		"derived form":   derived.String(),
		"content form":   content.String(),
	} {
		if cells[name] != want {
			t.Errorf("%s: the document has %q, want %q", name, cells[name], want)
		}
	}
}

// TestDocumentStricter checks that each row is allowed by the documentation
// of Arvados and refused here.
func TestDocumentStricter(t *testing.T) {
	documented := regexp.MustCompile(`^([0-9a-f]{32})\+([0-9]+)(\+[A-Z][-A-Za-z0-9@_]*)*$`)
	if !strings.Contains(section(t, "Where this is stricter than Arvados"), "`"+documented.String()+"`") {
		t.Error("the document has another expression")
	}
	for _, row := range rows(t, "Where this is stricter than Arvados", "^`") {
		if !documented.MatchString(row[0]) || len(row) != 2 {
			t.Errorf("%s: not allowed by the documentation of Arvados", row[0])
		}
		if l, err := locator.Parse(row[0]); err == nil {
			t.Errorf("%s: accepted here as %s", row[0], l)
		}
	}
}

// TestDocumentBadExamples checks word and sentence of each bad example: a URL
// or a locator.
func TestDocumentBadExamples(t *testing.T) {
	for _, row := range rows(t, "Bad examples", "^`") {
		_, err := read(row[0])
		if strings.Contains(row[0], "//") {
			_, err = locator.ParseURL(row[0])
		}
		if err == nil || len(row) != 3 || word(t, err) != row[1] || err.Error() != row[2] {
			t.Errorf("%s: got %s: %v, the document says %q", row[0], word(t, err), err, row[1:])
		}
	}
}
