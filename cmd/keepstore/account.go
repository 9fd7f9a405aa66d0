// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/internal/cli"
	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// account is how the commands that act for a user find the API server and
// the token, and how they print.
type account struct {
	data string
	json bool
}

func (a *account) flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&a.data, "data", "", "folder of a running keepstore standalone, to act as its administrator")
	cmd.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON")
}

// newAccountGroup is a group of commands that act for a user.
func newAccountGroup(use, short, long string, commands ...func(*account) *cobra.Command) *cobra.Command {
	a := &account{}
	group := newGroup(use, short)
	group.Long = long + cli.SettingsHelp
	for _, command := range commands {
		group.AddCommand(command(a))
	}
	a.flags(group)
	return group
}

// client returns a client of the API server. The caller closes it.
func (a *account) client() (*api.Client, error) {
	settings, err := cli.Settings(a.data, os.Environ())
	if err != nil {
		return nil, err
	}
	return api.New(settings)
}

// run calls f with a client, and tells failures of the work from faults of
// the command line and the settings.
func (a *account) run(cmd *cobra.Command, f func(context.Context, *api.Client) error) error {
	if a.data == "" && given(cmd, "data", &a.data) != nil { // as of a variable that is not set: not another cluster
		return usagef("--data is empty: name the folder of a running keepstore standalone, or leave it out")
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	return accountError(f(cmd.Context(), client))
}

// usage marks faults of the command line that show late.
type usage struct{ error }

func accountError(err error) error {
	if known := (*usage)(nil); errors.As(err, &known) {
		return err
	}
	return fault(err)
}

func usagef(format string, args ...any) error { return &usage{fmt.Errorf(format, args...)} }

// print writes v as JSON, or as the rows of a table.
func (a *account) print(w io.Writer, v any, rows ...[]string) error {
	if a.json {
		text, err := json.MarshalIndent(v, "", "  ")
		if err == nil {
			_, err = fmt.Fprintln(w, cli.SafeJSON(text))
		}
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
		}
		fmt.Fprintln(table, strings.Join(row, "\t")) // Flush tells
	}
	return table.Flush()
}

// printable takes out what other people could have put into a name to play
// tricks on a terminal.
func printable(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func timeText(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// parseExpiry reads a time, a day, or a time from now such as 90d or 12h.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			return now.AddDate(0, 0, int(n)).Truncate(time.Second), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d).Truncate(time.Second), nil
	}
	return time.Time{}, usagef("--expires must be a time such as 2027-01-31T12:00:00Z, a day such as 2027-01-31, or from now such as 90d or 12h")
}

// given returns the value of a flag, or nil if the command line lacks the flag.
func given(cmd *cobra.Command, flag string, value *string) *string {
	if !cmd.Flags().Changed(flag) {
		return nil
	}
	return value
}

// isUUID reports whether text is an Arvados UUID of the type.
func isUUID(text, infix string) bool {
	return regexp.MustCompile(`^[0-9a-z]{5}-` + infix + `-[0-9a-z]{15}$`).MatchString(text)
}
