// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// event is one line of "go test -json"; see "go doc test2json".
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

type test struct{ pkg, name string }

// summary turns events into text and counts.
type summary struct {
	out            io.Writer
	passed, failed int
	skipped        []test
	output         map[test]*strings.Builder // of tests and packages under way
	failedIn       map[string]bool           // packages with a failed test
	exitedBadly    bool
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: map[test]*strings.Builder{}, failedIn: map[string]bool{}}
}

func (s *summary) read(events io.Reader) error {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(s.out, lines.Text()) // not an event: let it be seen
			continue
		}
		s.add(e)
	}
	return lines.Err()
}

func (s *summary) add(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "output":
		if strings.HasPrefix(e.Output, "=== ") {
			e.Output = "" // "=== RUN" and the like; the entry still marks t as under way
		}
		if s.output[t] == nil {
			s.output[t] = &strings.Builder{}
		}
		s.output[t].WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(e)
		} else {
			s.endTest(t, e.Action)
		}
	}
}

func (s *summary) endTest(t test, action string) {
	switch action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped = append(s.skipped, t)
	case "fail":
		s.countFailure(t.pkg)
		s.print(t)
	}
	delete(s.output, t)
}

func (s *summary) countFailure(pkg string) {
	s.failed++
	s.failedIn[pkg] = true
}

func (s *summary) print(t test) {
	if b := s.output[t]; b != nil {
		fmt.Fprint(s.out, b.String())
	}
}

// endPackage prints the package's own line; after a failure also all output
// of the package and of tests that did not come to an end.
func (s *summary) endPackage(e event) {
	t := test{pkg: e.Package}
	if e.Action != "fail" {
		s.printLast(t)
		delete(s.output, t)
		return
	}
	for _, open := range s.unfinished(e.Package) {
		s.print(open)
		delete(s.output, open)
		s.countFailure(e.Package)
	}
	if !s.failedIn[e.Package] {
		s.countFailure(e.Package)
	}
	s.print(t)
	delete(s.output, t)
}

// printLast prints the last line of output, "ok …" or "? … [no test files]".
func (s *summary) printLast(t test) {
	if b := s.output[t]; b != nil {
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		fmt.Fprintln(s.out, lines[len(lines)-1])
	}
}

func (s *summary) unfinished(pkg string) []test {
	var open []test
	for t := range maps.Keys(s.output) {
		if t.pkg == pkg && t.name != "" {
			open = append(open, t)
		}
	}
	slices.SortFunc(open, func(a, b test) int { return strings.Compare(a.name, b.name) })
	return open
}

// finish prints the last line and reports whether all is well.
func (s *summary) finish() bool {
	if s.exitedBadly && s.failed == 0 {
		s.failed++
		fmt.Fprintln(s.out, "FAIL: go test ended with an error and no failed test")
	}
	for _, t := range s.skipped {
		fmt.Fprintf(s.out, "SKIP: %s %s was skipped; a test must run or go\n", t.pkg, t.name)
	}
	line := fmt.Sprintf("%d passed, %d failed", s.passed, s.failed)
	if len(s.skipped) > 0 {
		line += fmt.Sprintf(", %d skipped", len(s.skipped))
	}
	fmt.Fprintln(s.out, line)
	return s.failed == 0 && len(s.skipped) == 0 && s.passed > 0
}
