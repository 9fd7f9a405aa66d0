// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// TestDocument: the code in docs/collection.md is code of the examples, which
// are compiled, and the kinds that it names exist.
func TestDocument(t *testing.T) {
	document, err := os.ReadFile("../../../docs/collection.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(document), -1)
	if len(blocks) < 5 {
		t.Errorf("the document has only %d pieces of code", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(string(examples), block[1]) {
			t.Errorf("this code of docs/collection.md is in no example:\n%s", block[1])
		}
	}
	for _, name := range []string{SourcesProperty, PrefixesProperty, partProperty} {
		if !strings.Contains(string(document), "`"+name+"`") {
			t.Errorf("docs/collection.md does not tell of %s", name)
		}
	}
	words := api.Kinds()
	for _, kind := range keep.Kinds() {
		words = append(words, api.Kind(kind))
	}
	for _, kind := range Kinds() {
		words = append(words, api.Kind(kind))
	}
	for _, word := range words {
		if !strings.Contains(string(document), "`"+string(word)+"`") {
			t.Errorf("docs/collection.md does not tell of %s", word)
		}
	}
	for word, kind := range map[string]Kind{"s3-not-found": Gone, "s3-denied": Denied, "s3-archived": Archived, "s3-changed": Changed} {
		if Kind(word) != kind || !strings.Contains(string(document), "`"+word+"`") {
			t.Errorf("docs/collection.md and the code differ about %s", word)
		}
	}
}
