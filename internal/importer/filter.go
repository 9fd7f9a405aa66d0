// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Limits on filters: matching is done for every listed key.
const (
	maxPatterns = 100
	maxPattern  = 1024
	// maxSpellings bounds what the braces of all patterns stand for. The time
	// to match grows with it, and without it as 2 to the number of braces.
	maxSpellings = 500
)

// filter chooses among the keys below a prefix.
type filter struct {
	include, exclude chooser
}

// chooser holds the globs and regular expressions of one side.
type chooser struct {
	globs   []string
	regexps []*regexp.Regexp
}

func newFilter(s Source, known *programs) (filter, error) {
	f := filter{include: chooser{globs: s.Include}, exclude: chooser{globs: s.Exclude}}
	if n := len(s.Include) + len(s.Exclude) + len(s.IncludeRegexp) + len(s.ExcludeRegexp); n > maxPatterns {
		return f, fmt.Errorf("there are %d patterns, more than the limit of %d", n, maxPatterns)
	}
	if err := checkGlobs(slices.Concat(s.Include, s.Exclude)); err != nil {
		return f, err
	}
	if err := known.compile(slices.Concat(s.IncludeRegexp, s.ExcludeRegexp)); err != nil {
		return f, err
	}
	f.include.regexps, f.exclude.regexps = known.of(s.IncludeRegexp), known.of(s.ExcludeRegexp)
	return f, nil
}

// wants applies the filter to the path below the prefix.
func (f *filter) wants(rel string) bool {
	if f.exclude.fits(rel) {
		return false
	}
	return f.include.empty() || f.include.fits(rel)
}

func (c *chooser) empty() bool { return len(c.globs)+len(c.regexps) == 0 }

func (c *chooser) fits(rel string) bool {
	for _, glob := range c.globs {
		name := rel
		if !strings.Contains(glob, "/") {
			name = path.Base(rel)
		}
		if doublestar.MatchUnvalidated(glob, name) {
			return true
		}
	}
	return slices.ContainsFunc(c.regexps, func(r *regexp.Regexp) bool { return r.MatchString(rel) })
}

func checkGlobs(patterns []string) error {
	total := 0
	for _, pattern := range patterns {
		if len(pattern) > maxPattern || !doublestar.ValidatePattern(pattern) {
			return fmt.Errorf("the pattern %.60q is not a valid glob", pattern)
		}
		if total += spellings(pattern); total > maxSpellings {
			return fmt.Errorf("the braces of the patterns stand for more than %d patterns: use fewer", maxSpellings)
		}
	}
	return nil
}

// spellings returns how many patterns without braces the pattern stands for,
// or a little more, and stops counting beyond the limit.
func spellings(pattern string) int {
	var open []int // the alternatives so far in each open brace
	product := 1
	for i := 0; i < len(pattern) && product <= maxSpellings; i++ {
		switch n := len(open) - 1; {
		case pattern[i] == '\\':
			i++
		case pattern[i] == '{':
			open = append(open, 1)
		case pattern[i] == ',' && n >= 0:
			open[n]++
		case pattern[i] == '}' && n >= 0:
			product *= open[n]
			open = open[:n]
		}
	}
	return product
}
