// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"iter"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// checkPaths refuses requests in which two sources would write to one path,
// as far as that can be known before listing.
func (p *plan) checkPaths() error {
	p.singles = map[string]bool{}
	for i, t := range p.targets {
		if t.prefix {
			continue
		}
		if p.singles[t.Path] || p.singles[t.Path+"/"] || p.isBelowSingle(t.Path) {
			return badRequest("source %d would write to %q, as another source does: give it another path", i+1, t.Path)
		}
		p.singles[t.Path] = true
		for dir := range folders(t.Path) {
			p.singles[t.Path[:len(dir)+1]] = true // a part of Path, so no new text
		}
	}
	return p.checkFolders()
}

// checkFolders refuses two prefixes of which one would write into the folder
// of the other.
func (p *plan) checkFolders() error {
	owner := map[string]int{}
	for i, t := range p.targets {
		if !t.prefix {
			continue
		}
		if j, ok := owner[t.Path]; ok {
			return badRequest("sources %d and %d would write into one folder: give each its own path", j+1, i+1)
		}
		owner[t.Path] = i
	}
	for dir, i := range owner {
		if j, ok := owner[""]; ok && j != i {
			return badRequest("source %d would write into the folder of source %d: give each its own path", i+1, j+1)
		}
		for up := range folders(dir) {
			if j, ok := owner[up]; ok {
				return badRequest("source %d would write into the folder of source %d: give each its own path", i+1, j+1)
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

func (p *plan) isBelowSingle(file string) bool {
	for dir := range folders(file) {
		if p.singles[dir] {
			return true
		}
	}
	return false
}

// clashesWithSingle reports whether a file found under a prefix would meet a
// single object of the same request.
func (p *plan) clashesWithSingle(file string) bool {
	return len(p.singles) > 0 && (p.singles[file] || p.singles[file+"/"] || p.isBelowSingle(file))
}

// wants applies the caller's filters to the path below the prefix.
func (t *target) wants(rel string) bool {
	if matchesAny(t.Exclude, rel) {
		return false
	}
	return len(t.Include) == 0 || matchesAny(t.Include, rel)
}

func matchesAny(patterns []string, rel string) bool {
	for _, pattern := range patterns {
		name := rel
		if !strings.Contains(pattern, "/") {
			name = path.Base(rel)
		}
		if doublestar.MatchUnvalidated(pattern, name) {
			return true
		}
	}
	return false
}

// clashes finds keys that are both a file and a folder. Keys come in order,
// so all keys that begin with an earlier key follow it directly; a stack of
// the files that the present key begins with is enough, and never longer than
// a key.
type clashes []string

// meets takes the next key in order and reports whether it, or a folder of
// its path, is an imported file already.
func (c *clashes) meets(key string) bool {
	for n := len(*c); n > 0 && !strings.HasPrefix(key, (*c)[n-1]); n = len(*c) {
		*c = (*c)[:n-1]
	}
	for _, file := range *c {
		if len(key) == len(file) || key[len(file)] == '/' {
			return true
		}
	}
	return false
}

// add remembers an imported key, after meets has said no for it.
func (c *clashes) add(key string) { *c = append(*c, key) }
