// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"math"
	"testing"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestPricesOfAnyNumber: very few requests are not free, and very many have no
// negative price.
func TestPricesOfAnyNumber(t *testing.T) {
	for r, want := range map[collection.Requests]string{
		{}:                       "nothing",
		{Get: 1}:                 "less than $0.000001",
		{Head: 2, Get: 1}:        "about $0.000001",
		{List: 1}:                "about $0.000005",
		{List: 199_999}:          "about $0.999995",
		{List: 200_000}:          "about $1.00",
		{List: 1e12, Head: 1e12}: "about $5400000.00",
		{Head: math.MaxInt64, Get: math.MaxInt64}: "about $7378697629483.82",
	} {
		if got := awsPrices().of(r); got != want {
			t.Errorf("%+v: %q, want %q", r, got, want)
		}
	}
}
