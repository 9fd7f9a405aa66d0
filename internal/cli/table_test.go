// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"testing"

	"github.com/spf13/cobra"
)

// TestTable: columns stand below each other on a terminal, whatever letters are
// in them.
func TestTable(t *testing.T) {
	var out bytes.Buffer
	s := &session{out: &out}
	if err := s.printTable([]string{"1", "名前", "x"}, []string{"10", "e\u0301a", "y"}, []string{"", "a\nb", ""}); err != nil {
		t.Fatal(err)
	}
	if want := "1   名前    x\n10  e\u0301a      y\n-   a\\012b  -\n"; out.String() != want {
		t.Errorf("got\n%s, want\n%s", out.String(), want)
	}
}

// TestPlainUsage: what cobra says of groups of flags becomes a sentence.
func TestPlainUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"--long and --objects do not go together":      {"ls", "--long", "--objects", testUUID + "/x"},
		"give --append or --mirror":                    {"refresh", testUUID},
		"--link and --with do not go together":         {"share", "--with", "x", "--link", testUUID},
		"--can-read and --stop do not go together":     {"share", "--can-read", "--stop", testUUID},
		"--no-resume and --restart do not go together": {"import", "--restart", "--no-resume", "s3://b/"},
	} {
		root := &cobra.Command{Use: "keepstore", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(Commands()...)
		PlainUsage(root)
		root.SetArgs(args)
		err := root.ExecuteContext(t.Context())
		exit, ok := err.(*Exit)
		if !ok || exit.Code != Usage || exit.Error() != want {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}
