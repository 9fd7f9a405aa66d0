// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// digest runs a summary over events and returns its text and verdict.
func digest(t *testing.T, exitedBadly bool, events ...string) (string, bool) {
	t.Helper()
	var out strings.Builder
	s := newSummary(&out)
	if err := s.read(strings.NewReader(strings.Join(events, "\n"))); err != nil {
		t.Fatal(err)
	}
	s.exitedBadly = exitedBadly
	ok := s.finish()
	return out.String(), ok
}

const (
	runA   = `{"Action":"run","Package":"p","Test":"A"}` + "\n" + `{"Action":"output","Package":"p","Test":"A","Output":"=== RUN   A\n"}`
	talkA  = `{"Action":"output","Package":"p","Test":"A","Output":"    a_test.go:1: hello\n"}`
	passA  = `{"Action":"pass","Package":"p","Test":"A"}`
	failA  = `{"Action":"fail","Package":"p","Test":"A"}`
	skipA  = `{"Action":"skip","Package":"p","Test":"A"}`
	passB  = `{"Action":"pass","Package":"p","Test":"A/b"}`
	okP    = `{"Action":"output","Package":"p","Output":"PASS\n"}` + "\n" + `{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`
	endP   = `{"Action":"pass","Package":"p"}`
	failP  = `{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}` + "\n" + `{"Action":"fail","Package":"p"}`
	build  = `{"Action":"build-output","ImportPath":"p","Output":"p/a.go:1: undefined: x\n"}`
	noTest = `{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}` + "\n" + `{"Action":"skip","Package":"q"}`
)

func TestSummary(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []string
		badly  bool
		want   string
		ok     bool
	}{
		{"all pass, quiet", []string{runA, talkA, passB, passA, okP, endP, noTest}, false, "ok  \tp\t0.1s\n?   \tq\t[no test files]\n2 passed, 0 failed\n", true},
		{"one fails, loud", []string{runA, talkA, passB, failA, failP}, true, "    a_test.go:1: hello\nFAIL\tp\t0.1s\n1 passed, 1 failed\n", false},
		{"one skips", []string{runA, skipA, passB, okP, endP}, false, "ok  \tp\t0.1s\nSKIP: p A was skipped; a test must run or go\n1 passed, 0 failed, 1 skipped\n", false},
		{"a test never ends", []string{runA, talkA, failP}, true, "    a_test.go:1: hello\nFAIL\tp\t0.1s\n0 passed, 1 failed\n", false},
		{"a package does not build", []string{build, failP}, true, "p/a.go:1: undefined: x\nFAIL\tp\t0.1s\n0 passed, 1 failed\n", false},
		{"go test itself fails", []string{passA, okP, endP}, true, "ok  \tp\t0.1s\nFAIL: go test ended with an error and no failed test\n1 passed, 1 failed\n", false},
		{"nothing ran", nil, false, "0 passed, 0 failed\n", false},
		{"a line that is no event", []string{"go: downloading x", passA}, false, "go: downloading x\n1 passed, 0 failed\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := digest(t, c.badly, c.events...)
			if got != c.want || ok != c.ok {
				t.Errorf("got %v\n%s\nwant %v\n%s", ok, got, c.ok, c.want)
			}
		})
	}
}
