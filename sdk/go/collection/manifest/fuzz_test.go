// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// FuzzPDH wants every accepted text to have the portable data hash of its
// reduced text, which states its length.
func FuzzPDH(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		pdh, err := manifest.PDH(text)
		if err != nil {
			if len(err.Error()) > 500 || pdh != "" {
				t.Fatalf("%q with an error of %d bytes", pdh, len(err.Error()))
			}
			return
		}
		reduced := reduce(text)
		again, err := manifest.PDH(reduced)
		if err != nil || again != pdh || !strings.HasSuffix(pdh, "+"+strconv.Itoa(len(reduced))) {
			t.Fatalf("%q has %s, reduced to %q it has %s, %v", text, pdh, reduced, again, err)
		}
	})
}

// reduce replaces each block of an accepted text by identity+size.
func reduce(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		for i, token := range strings.SplitAfter(line, " ") {
			if l, err := locator.Parse(strings.TrimRight(token, " ")); i > 0 && err == nil {
				token = l.Reduced() + " "
			}
			out.WriteString(token)
		}
	}
	return out.String()
}
