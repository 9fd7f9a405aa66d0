// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"iter"
	"strings"
)

// Singles are the paths of the single objects of an import, and their folders
// with "/" at the end.
type Singles map[string]bool

// Check refuses sources of which two would write to one path, as far as that
// can be known before listing.
func Check(places []Place) (Singles, error) {
	singles := Singles{}
	for i, p := range places {
		if p.Prefix {
			continue
		}
		if singles.Meets(p.Path) {
			return nil, fmt.Errorf("source %d would write to %q, as another source does: give it another path", i+1, p.Path)
		}
		singles[p.Path] = true
		for dir := range folders(p.Path) {
			singles[p.Path[:len(dir)+1]] = true // a part of Path, so no new text
		}
	}
	return singles, checkFolders(places)
}

// checkFolders refuses two prefixes of which one would write into the folder
// of the other.
func checkFolders(places []Place) error {
	owner := map[string]int{}
	for i, p := range places {
		if !p.Prefix {
			continue
		}
		if j, ok := owner[p.Path]; ok {
			return fmt.Errorf("sources %d and %d would write into one folder: give each its own path", j+1, i+1)
		}
		owner[p.Path] = i
	}
	for dir, i := range owner {
		if j, ok := owner[""]; ok && j != i {
			return fmt.Errorf("source %d would write into the folder of source %d: give each its own path", i+1, j+1)
		}
		for up := range folders(dir) {
			if j, ok := owner[up]; ok {
				return fmt.Errorf("source %d would write into the folder of source %d: give each its own path", i+1, j+1)
			}
		}
	}
	return nil
}

// folders yields the folders that hold p, the nearest first, without the root.
// Each is a part of p: a request may name many deep paths.
func folders(p string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := strings.LastIndexByte(p, '/'); i > 0; i = strings.LastIndexByte(p[:i], '/') {
			if !yield(p[:i]) {
				return
			}
		}
	}
}

// Meets reports whether a file at a path is one of the singles, or would be a
// folder of one or below one.
func (s Singles) Meets(file string) bool {
	if len(s) == 0 {
		return false
	}
	if s[file] || s[file+"/"] {
		return true
	}
	for dir := range folders(file) {
		if s[dir] {
			return true
		}
	}
	return false
}
