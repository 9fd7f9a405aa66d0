// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// PlainUsage makes a command, and all below it, say in sentences what is wrong
// with the number of its arguments, or with flags that do not go together.
func PlainUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return plainArgs(cmd, args, check(cmd, args)) }
	}
	if cmd.PreRunE == nil && cmd.Run == nil {
		cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return plainFlags(cmd.ValidateFlagGroups()) }
	}
	for _, below := range cmd.Commands() {
		PlainUsage(below)
	}
}

// plainArgs is the sentence for what cobra only counts.
func plainArgs(cmd *cobra.Command, args []string, err error) error {
	if err == nil || !strings.Contains(err.Error(), "arg(s)") {
		return err
	}
	given := "no argument is"
	if n := int64(len(args)); n > 0 {
		given = are(n, "argument")
	}
	return &Exit{Usage, fmt.Errorf("%s given, where this is wanted: %s", given, cmd.UseLine())}
}

// plainFlags is the sentence for a group of flags.
func plainFlags(err error) error {
	if err == nil {
		return nil
	}
	groups := regexp.MustCompile(`\[([^\]]*)\]`).FindAllStringSubmatch(err.Error(), -1)
	switch {
	case len(groups) == 2 && strings.HasSuffix(err.Error(), "were all set"):
		err = errors.New(flagNames(groups[1][1], " and ") + " do not go together")
	case len(groups) == 1 && strings.HasPrefix(err.Error(), "at least one"):
		err = errors.New("give " + flagNames(groups[0][1], " or "))
	}
	return &Exit{Usage, err}
}

// flagNames lists names that are separated by spaces as people write flags.
func flagNames(names, last string) string {
	all := strings.Fields(names)
	for i, name := range all {
		all[i] = "--" + name
	}
	end := len(all) - 1
	if end < 1 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:end], ", ") + last + all[end]
}
