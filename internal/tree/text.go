// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

const (
	maxFileLines     = 400
	maxFuncLines     = 60
	maxTestFuncLines = 100
	maxMethods       = 3
)

// isSource reports whether name is source text that people read and maintain.
func isSource(name, text string) bool {
	switch path.Ext(name) {
	case ".go", ".py", ".sh":
		return !inTestdata(name)
	}
	return strings.HasPrefix(text, "#!") && !inTestdata(name)
}

func fileHeaders(t *Tree) []string {
	var faults []string
	for _, name := range t.sorted() {
		text := t.Files[name]
		if !isSource(name, text) {
			continue
		}
		mark := "#"
		if path.Ext(name) == ".go" {
			mark = "//"
		}
		want := mark + " Copyright (C) The keepstore authors.\n" + mark + " SPDX-License-Identifier: Apache-2.0\n\n"
		if strings.HasPrefix(text, "#!") {
			_, text, _ = strings.Cut(text, "\n")
		}
		if !strings.HasPrefix(text, want) {
			faults = append(faults, fmt.Sprintf("%s:1: must begin (after a #! line) with these two lines and a blank one:\n%s", name, want))
		}
	}
	return faults
}

func fileLengths(t *Tree) []string {
	var faults []string
	for _, name := range t.sorted() {
		lines := strings.Count(t.Files[name], "\n")
		if isSource(name, t.Files[name]) && lines > maxFileLines {
			faults = append(faults, fmt.Sprintf("%s:%d: the file has %d lines, at most %d: split it by operation", name, maxFileLines, lines, maxFileLines))
		}
	}
	return faults
}

// topNames is all that may stand at the top of the repository (design §8).
const topNames = ` .ci .gitignore CHANGELOG.md CONTRIBUTING.md LICENSE Makefile README.md
	bench cmd creds demo docs go.mod go.sum go.work go.work.sum internal locator
	pseudoblock s3read sdk test testdata `

func topLevel(t *Tree) []string {
	var faults []string
	allowed := strings.Fields(topNames)
	seen := map[string]bool{}
	for _, name := range allowed {
		seen[name] = true
	}
	for _, name := range t.sorted() {
		top, _, _ := strings.Cut(name, "/")
		if !seen[top] {
			seen[top] = true
			faults = append(faults, fmt.Sprintf("%s: does not belong at the top of the repository, which holds only %s", top, strings.Join(allowed, ", ")))
		}
	}
	return faults
}

func noReplace(t *Tree) []string {
	var faults []string
	for _, name := range t.sorted() {
		if base := path.Base(name); base != "go.mod" && base != "go.work" || inTestdata(name) {
			continue
		}
		n := 0
		for line := range strings.Lines(t.Files[name]) {
			n++
			if strings.HasPrefix(line, "replace ") || strings.HasPrefix(line, "replace(") {
				faults = append(faults, fmt.Sprintf("%s:%d: no replace: who imports the module would get other code than we tested; for modules of this repository use go.work", name, n))
			}
		}
	}
	return faults
}

// noPrivatePaths finds paths that exist on a developer's machine only. The
// bracketed letters keep these patterns from finding themselves.
func noPrivatePaths(t *Tree) []string {
	private := regexp.MustCompile(`(^|[^\w.~*/-])/wor[k]/|\.\./share[d]\b|/tmp/bash_job[s]`)
	var faults []string
	for _, name := range t.sorted() {
		n := 0
		for line := range strings.Lines(t.Files[name]) {
			n++
			if found := private.FindString(line); found != "" {
				faults = append(faults, fmt.Sprintf("%s:%d: %q is a path of one machine: copy what is needed into testdata/, or name it relative to the repository", name, n, found))
			}
		}
	}
	return faults
}
