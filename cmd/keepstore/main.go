// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/cli"
	"github.com/arvados-s3/keepstore/internal/config"
)

// Exit codes, as --help tells them.
const (
	exitFault = cli.Failed // the work failed
	exitUsage = cli.Usage  // the command line or a file given on it is wrong
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	// net/http prints unsolicited bytes of a connection, which may be content
	// or worse, to the standard logger. Ours is slog.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if config.IsFault(err) { // file:line: path: text, as editors and other tools read it
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	if exit := (*cli.Exit)(nil); errors.As(err, &exit) {
		if exit.Err != nil {
			fmt.Fprintln(os.Stderr, "keepstore:", err)
		}
		return exit.Code
	}
	fmt.Fprintln(os.Stderr, "keepstore:", err)
	if fault := (*workFault)(nil); errors.As(err, &fault) {
		return exitFault
	}
	return exitUsage
}

// workFault marks errors of the work itself, in contrast to those of the
// command line.
type workFault struct{ error }

func (f *workFault) Unwrap() error { return f.error }

func fault(err error) error {
	if err == nil {
		return nil
	}
	return &workFault{err}
}

// collections is the group of the commands of package cli in --help.
const collections = "collections"

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "keepstore",
		Short: "Serve S3 objects as Keep blocks, in place and pinned to their version",
		Long: `keepstore lets Arvados collections use S3 objects in place. A locator says
where the bytes lie; keepstore reads them by one version-pinned ranged GET.

Exit status: 0 success, 1 the work failed, 2 the command line or a file
named on it is wrong. The commands for collections have more, which their help
tells.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       app.Version(),
	}
	root.AddCommand(newServe(), newStandalone(), newConfig(), newIssuer(), newLocator(), newUser(), newToken(), newCredential(), newAccess(), newVersion())
	root.AddGroup(&cobra.Group{ID: collections, Title: "Commands for collections:"})
	for _, command := range cli.Commands() {
		command.GroupID = collections
		root.AddCommand(command)
	}
	cli.PlainUsage(root)
	return root
}

// newGroup is a command that only has others. Without Args and RunE, cobra
// takes a mistyped subcommand for a call for help, and exits with 0.
func newGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	group.AddCommand(commands...)
	return group
}

// oneArgument says, where cobra would only count, what is to be given.
func oneArgument(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return fmt.Errorf("one argument is needed, and there are %d: %s", len(args), cmd.UseLine())
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  keepstore version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "keepstore", app.Version())
			return fault(err)
		},
	}
}
