// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/internal/cli"
)

// programArgument makes this program the commands for collections of
// keepstore, so that the tour runs them as processes of their own.
const programArgument = "keepstore"

// programMain runs one command and returns its exit status.
func programMain(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{Use: programArgument, SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(cli.Commands()...)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	exit := (*cli.Exit)(nil)
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		exit = &cli.Exit{Code: cli.Usage, Err: err}
	}
	if exit.Err != nil {
		fmt.Fprintln(stderr, "keepstore:", exit.Err)
	}
	return exit.Code
}

// ran is what a command printed, and its exit status.
type ran struct {
	status     int
	out, notes string
}

// line returns the only line of output of a command that must succeed.
func (r ran) line() (string, error) {
	line, more, _ := strings.Cut(r.out, "\n")
	if r.status != 0 || line == "" || more != "" {
		return "", fmt.Errorf("the command ended with %d, printed %q and said %q", r.status, short(r.out, 300), short(r.notes, 300))
	}
	return line, nil
}

// keepstore runs a command for collections as Ann, and tells of it.
func (t *tour) keepstore(ctx context.Context, args ...string) (ran, error) {
	t.out.sent("keepstore %s", strings.Join(args, " "))
	return t.runProgram(ctx, args...)
}

func (t *tour) runProgram(ctx context.Context, args ...string) (ran, error) {
	program, err := os.Executable()
	if err != nil {
		return ran{}, err
	}
	var out, notes bytes.Buffer
	cmd := exec.CommandContext(ctx, program, append([]string{programArgument}, args...)...)
	cmd.Env = []string{"HOME=" + t.dir.path, "ARVADOS_API_HOST=" + t.service.apiURL, "ARVADOS_API_TOKEN=" + t.people.ann.token.Reveal()}
	cmd.Stdout, cmd.Stderr = &out, &notes
	err = cmd.Run()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) && failed.Exited() {
		err = nil // the status tells it
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), notes.String()}, err
}
