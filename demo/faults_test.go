// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
)

func TestFaultyCommandLines(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":      {"--twice"},
		"argument":          {"now"},
		"the hidden option": {childArgument},
		"the other one":     {minioArgument},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, args...)
			if status := p.status(t); status != 2 || p.output.String() == "" {
				t.Errorf("exit status %d, want 2 and a reason:\n%s", status, p.output)
			}
			p.wantNothingLeft(t)
		})
	}
}

// TestOccupied starts the demo on a port that somebody else has: what had
// started before is stopped again.
func TestOccupied(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, "--once", "--listen", l.Addr().String())
	if status := p.status(t); status != 1 || !strings.Contains(p.output.String(), "cannot listen on "+l.Addr().String()) {
		t.Errorf("exit status %d, want 1 and the address:\n%s", status, p.output)
	}
	p.wantGone(t)
	p.wantNothingLeft(t)
}

func TestDataIsAFile(t *testing.T) {
	p := start(t, "--once", "--data", "/dev/null")
	if status := p.status(t); status != 1 || !strings.Contains(p.output.String(), "cannot use the folder of --data") {
		t.Errorf("exit status %d, want 1 and the reason:\n%s", status, p.output)
	}
}

// TestFailedSteps makes sure that a tour can fail.
func TestFailedSteps(t *testing.T) {
	fault := errors.New("the server is gone")
	failing := func(results ...bool) func(*tour, context.Context) error {
		return func(t *tour, _ context.Context) error {
			for _, ok := range results {
				t.check(ok, "the bytes are the same")
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		run  func(*tour, context.Context) error
		want string
	}{
		"passing":        {failing(true, true), ""},
		"one check":      {failing(true, false, true), "step 1 (Compare): this check failed: the bytes are the same"},
		"broken request": {func(*tour, context.Context) error { return fault }, "step 1 (Compare): the server is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			guide := &tour{out: newPrinter(&text)}
			next := false
			err := guide.run(t.Context(), []step{
				{"Compare", "it matters.", c.run},
				{"Go on", "it ends here.", func(*tour, context.Context) error { next = true; return nil }},
			})
			if got := errorText(err); got != c.want || next != (c.want == "") {
				t.Errorf("error %q, next step run: %v; want error %q", got, next, c.want)
			}
			if strings.Contains(text.String(), "FAILED") != strings.Contains(c.want, "check failed") {
				t.Errorf("it printed:\n%s", text.String())
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestReachable(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:80": "127.0.0.1:80", "[::]:80": "127.0.0.1:80", "0.0.0.0:80": "127.0.0.1:80", "[::1]:80": "[::1]:80",
	} {
		if got := reachable(address); got != want {
			t.Errorf("reachable(%q) = %q, want %q", address, got, want)
		}
	}
}

// TestNoMinIO names programs that are none, or not the right one.
func TestNoMinIO(t *testing.T) {
	p := start(t, "--once", "--minio", "/dev/null/minio")
	if status := p.status(t); status != 1 || !strings.Contains(p.output.String(), "--minio does not name a program") {
		t.Errorf("exit status %d, want 1 and the reason:\n%s", status, p.output)
	}
	other, err := exec.LookPath("false")
	if err != nil {
		t.Fatal(err)
	}
	p = start(t, "--once", "--minio", other)
	if status := p.status(t); status != 1 || !strings.Contains(p.output.String(), "did not start: it ended at once") {
		t.Errorf("exit status %d, want 1 and the reason:\n%s", status, p.output)
	}
	p.wantGone(t)
	p.wantNothingLeft(t)
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("x", 120)
	for text, want := range map[string]string{
		"":                             "",
		"a b":                          "a b",
		"two  spaces":                  "two  spaces",
		long + " y":                    long + "\n  y",
		strings.Repeat("ä", 96) + " b": strings.Repeat("ä", 96) + " b",
		strings.Repeat("ä", 97) + " b": strings.Repeat("ä", 97) + "\n  b",
	} {
		if got := wrap(text, 2); got != want {
			t.Errorf("wrap(%q) = %q, want %q", text, got, want)
		}
	}
}
