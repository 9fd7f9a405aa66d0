// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"testing"
	"time"

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
		"expiring":         {[]checked{of(), of(collection.IsExpiring)}, 0},
		"restoring":        {[]checked{of(collection.IsRestoring, collection.IsExpiring)}, Partial},
	} {
		code, exit := 0, (*Exit)(nil)
		if errors.As(verdict(c.all, 0), &exit) {
			code = exit.Code
		}
		if code != c.want {
			t.Errorf("%s: %d, want %d", name, code, c.want)
		}
	}
}

// TestHorizon: what is removed later than asked about does not matter.
func TestHorizon(t *testing.T) {
	soon := time.Now().Add(10 * 24 * time.Hour)
	expiring := checked{Objects: []checkedObject{{Status: collection.IsExpiring, Ends: &soon}}}
	ruled := checked{Lifecycle: []collection.RuleUse{{LifecycleRule: collection.LifecycleRule{NoncurrentDays: 30}, Objects: 2}}}
	never := checked{Lifecycle: []collection.RuleUse{{LifecycleRule: collection.LifecycleRule{NoncurrentDays: 200_000}, Objects: 2}}}
	for name, c := range map[string]struct {
		all  checked
		o    checking
		want int
	}{
		"now":                  {expiring, checking{}, 0},
		"strict":               {expiring, checking{strict: true}, Partial},
		"before it":            {expiring, checking{within: "9d"}, 0},
		"after it":             {expiring, checking{within: "11d"}, Partial},
		"in hours":             {expiring, checking{within: "264h"}, Partial},
		"a rule, now":          {ruled, checking{}, 0},
		"a rule, strict":       {ruled, checking{strict: true}, Partial},
		"a rule, a week":       {ruled, checking{within: "7d"}, 0},
		"a rule, a month":      {ruled, checking{within: "30d"}, Partial},
		"548 years":            {never, checking{within: "30d"}, 0},
		"548 years, strict":    {never, checking{strict: true}, Partial},
		"no rule, strict":      {checked{}, checking{strict: true}, 0},
		"a slip of the pen":    {checked{}, checking{within: "soon"}, Usage},
		"nothing":              {checked{}, checking{within: "0d"}, Usage},
		"both":                 {checked{}, checking{within: "1d", strict: true}, Usage},
		"more than 65535 days": {checked{}, checking{within: "99999d"}, Usage},
	} {
		horizon, err := c.o.horizon()
		if err == nil {
			err = verdict([]checked{c.all}, horizon)
		}
		code, exit := 0, (*Exit)(nil)
		if errors.As(err, &exit) {
			code = exit.Code
		}
		if code != c.want {
			t.Errorf("%s: %d (%v), want %d", name, code, err, c.want)
		}
	}
}
