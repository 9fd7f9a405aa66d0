// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
)

func main() {
	ok, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// atOnce is how many packages run, and how many parallel tests of each. It is
// at least four: the long ones here wait for servers, and for limits to pass,
// more than they compute, and by default two cores would run two.
func atOnce() string { return strconv.Itoa(max(4, runtime.NumCPU())) }

// run reports whether every test passed.
func run(args []string) (bool, error) {
	cmd := exec.Command("go", append([]string{"test", "-json", "-p", atOnce(), "-parallel", atOnce()}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	s := newSummary(os.Stdout)
	readErr := s.read(out)
	waitErr := cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(waitErr, &exit) {
		waitErr = nil // told by the exit status: s.finish counts it
		s.exitedBadly = true
	}
	ok := s.finish()
	return ok, errors.Join(readErr, waitErr)
}
