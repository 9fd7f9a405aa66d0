// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with the file.
type Fault struct {
	// Path is where, such as "access[2].url"; empty for the file as a whole.
	Path string
	// Line counts from 1; 0 for the file as a whole.
	Line int
	// Text says what is wrong and what to do. It never holds a secret.
	Text string
}

// Kind is the stable word of this package's [Error].
type Kind string

// BadConfig is a configuration file with faults.
const BadConfig Kind = "bad-config"

// Kinds lists every [Kind].
func Kinds() []Kind { return []Kind{BadConfig} }

// Error holds every fault of a file, in the order of its lines.
type Error struct {
	Kind   Kind
	File   string
	Faults []Fault
}

// Error prints one fault per line: "file:line: path: text".
func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = e.File + ":"
		if f.Line > 0 {
			lines[i] += fmt.Sprintf("%d:", f.Line)
		}
		if f.Path != "" {
			lines[i] += " " + f.Path + ":"
		}
		lines[i] += " " + f.Text
	}
	return strings.Join(lines, "\n")
}

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }

// faults collects what is wrong while the rest is still being checked.
type faults struct {
	list   []Fault
	broken []string // paths whose shape is wrong: what is missing there is no further fault
}

func (f *faults) add(p place, format string, args ...any) {
	for _, path := range f.broken {
		if p.within(path) {
			return
		}
	}
	f.list = append(f.list, Fault{Path: p.path, Line: p.line, Text: fmt.Sprintf(format, args...)})
}

// shape reports that all of p cannot be understood.
func (f *faults) shape(p place, format string, args ...any) {
	f.add(p, format, args...)
	f.broken = append(f.broken, p.path)
}

func (f *faults) err(file string) error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
	return &Error{Kind: BadConfig, File: file, Faults: f.list}
}

// place is where something stands in the file.
type place struct {
	path string
	line int
}

// key returns the place of a key under p. It has the line of p, which is
// right for a key that is missing.
func (p place) key(name string) place {
	if p.path != "" {
		name = p.path + "." + name
	}
	return place{name, p.line}
}

func (p *place) set(at place) { *p = at }

func (p place) index(i int) place { return place{fmt.Sprintf("%s[%d]", p.path, i), p.line} }

// within reports whether p is at path or below it.
func (p place) within(path string) bool {
	rest, ok := strings.CutPrefix(p.path, path)
	return ok && (rest == "" || path == "" || rest[0] == '.' || rest[0] == '[')
}
