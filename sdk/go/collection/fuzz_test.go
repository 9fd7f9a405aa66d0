// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// FuzzParse: no text makes trouble; what is read prints to text with the same
// files, which an API server takes.
func FuzzParse(f *testing.F) {
	for _, v := range loadVectors(f).Vectors {
		f.Add(v.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			if KindOf(err) != BadManifest {
				t.Fatalf("got %v", err)
			}
			return
		}
		same := func(l locator.Locator) (locator.Locator, error) { return l, nil }
		if _, _, err := manifest.Rewrite(text, same); err != nil {
			t.Fatalf("%q is refused by the API server: %v", text, err)
		}
		if len(text) > 1<<12 {
			return // printing may make much of it
		}
		normal, err := normalize(c.root, piece.text, 1<<20)
		if err != nil {
			return
		}
		printed := reprint(t, c)
		if _, _, err := manifest.Rewrite(printed, same); err != nil && printed != "" {
			t.Fatalf("%q is printed as %q, which the API server refuses: %v", text, printed, err)
		}
		again, err := Parse(printed)
		if err != nil {
			t.Fatalf("%q is printed as %q: %v", text, printed, err)
		}
		if twice, err := normalize(again.root, piece.text, 1<<20); err != nil || twice != normal {
			t.Fatalf("%q is printed as %q; normal forms %q and %q, %v", text, printed, normal, twice, err)
		}
	})
}
