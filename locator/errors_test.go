// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator_test

import (
	"errors"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
)

func TestErrorWords(t *testing.T) {
	seen := map[locator.Kind]bool{}
	for _, kind := range locator.Kinds() {
		err := error(&locator.Error{Kind: kind, Text: "text"})
		if !errors.Is(err, &locator.Error{Kind: kind}) || errors.Is(err, &locator.Error{Kind: kind + "x"}) {
			t.Errorf("%s does not match itself alone", kind)
		}
		if (&locator.Error{Kind: kind}).Word() != string(kind) || err.Error() != "text" || seen[kind] {
			t.Errorf("%s: wrong word or text, or listed twice", kind)
		}
		seen[kind] = true
	}
}
