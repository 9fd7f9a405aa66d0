// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// micro runs the Go benchmarks of what happens to a locator before S3 is
// asked.
func (b *bench) micro() error {
	if b.scale.micro == "" {
		return nil
	}
	const module = "github.com/arvados-s3/keepstore/"
	cmd := exec.CommandContext(b.ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Parse|Verify|Sign|ReadPath)$",
		"-benchtime", b.scale.micro, module+"locator", module+"pseudoblock")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	names := map[string]string{
		"Parse": "parse a locator", "Verify": "check its signature", "Sign": "sign and print it",
		"ReadPath": "all that is done with a locator before S3 is asked",
	}
	line := regexp.MustCompile(`^Benchmark(\w+?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)
	for text := range strings.Lines(string(out)) {
		if m := line.FindStringSubmatch(text); m != nil {
			ns, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				return err
			}
			b.add(row{Name: names[m[1]], Unit: "µs", Ours: spreadOf([]float64{ns / 1000})})
		}
	}
	return nil
}
