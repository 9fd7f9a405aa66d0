// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"testing"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestVerdict: a script can tell lost data from questions that were not
// answered.
func TestVerdict(t *testing.T) {
	of := func(statuses ...collection.Status) checked {
		one := checked{Counts: map[collection.Status]int{collection.OK: 5}}
		for _, s := range statuses {
			one.Counts[s]++
			one.Objects = append(one.Objects, checkedObject{Status: s})
		}
		return one
	}
	for name, c := range map[string]struct {
		all  []checked
		want int
	}{
		"good":             {[]checked{of(), of()}, 0},
		"one is gone":      {[]checked{of(), of(collection.IsGone)}, Partial},
		"gone and unknown": {[]checked{of(collection.IsUnknown), of(collection.IsUnknown, collection.IsGone)}, Partial},
		"archived":         {[]checked{of(collection.IsArchived)}, Partial},
		"unknown":          {[]checked{of(), of(collection.IsUnknown)}, Failed},
	} {
		code, exit := 0, (*Exit)(nil)
		if errors.As(verdict(c.all), &exit) {
			code = exit.Code
		}
		if code != c.want {
			t.Errorf("%s: %d, want %d", name, code, c.want)
		}
	}
}
