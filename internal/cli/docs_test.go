// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocuments: docs/cli.md lists the commands in their order, and the exit
// codes; and each command has help and an example of itself.
func TestDocuments(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	var told, have, codes []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| (.*) \\|$").FindAllStringSubmatch(string(text), -1) {
		told = append(told, row[1])
	}
	for _, c := range Commands() {
		have = append(have, c.Name())
		for line := range strings.SplitSeq(c.Example, "\n") {
			if !strings.HasPrefix(line, "  keepstore "+c.Name()+" ") {
				t.Errorf("%s: the example %q is not one of it", c.Name(), line)
			}
		}
		if c.Short == "" || !strings.HasSuffix(c.Long, exitHelp+SettingsHelp) || c.Flags().Lookup("json") == nil {
			t.Errorf("%s lacks help or common flags", c.Name())
		}
	}
	if diff := cmp.Diff(have, told); diff != "" {
		t.Errorf("commands (-program +docs/cli.md):\n%s", diff)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([0-9]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		codes = append(codes, row[1])
	}
	var all []string
	for _, code := range []int{0, Failed, Usage, Partial, Interrupted} {
		all = append(all, strconv.Itoa(code))
	}
	if diff := cmp.Diff(all, codes); diff != "" {
		t.Errorf("exit codes (-program +docs/cli.md):\n%s", diff)
	}
}
