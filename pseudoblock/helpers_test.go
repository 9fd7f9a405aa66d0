// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock_test

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// read does what a server does with the text of a locator that it is asked
// for as a pseudo-block.
func read(text string) (pseudoblock.Block, error) {
	l, err := locator.Parse(text)
	if err != nil {
		return pseudoblock.Block{}, err
	}
	return pseudoblock.FromLocator(l)
}

// word returns the stable word of an error, "" for nil.
func word(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var w interface{ Word() string }
	if !errors.As(err, &w) {
		t.Fatalf("%v has no word", err)
	}
	return w.Word()
}

// load reads a file of testdata/vectors into out, and fails on unknown keys.
func load(t *testing.T, name string, out any) {
	t.Helper()
	f, err := os.Open("../testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func object(key string) locator.Object {
	return locator.Object{Bucket: "bucket", Key: key, VersionID: "v1"}
}

func write(t testing.TB, f pseudoblock.Form, e pseudoblock.Extent) locator.Locator {
	t.Helper()
	l, err := e.Locator(f)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
