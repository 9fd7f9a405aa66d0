// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
)

// The exit codes, as docs/cli.md lists them.
const (
	// Failed: the work failed.
	Failed = 1
	// Usage: the command line, the settings or a file named there is wrong.
	Usage = 2
	// Partial: the work was done, and something was left out, is missing or
	// differs, as the output says.
	Partial = 3
	// Interrupted: the user or another program ended the work.
	Interrupted = 130
)

// exitHelp tells the exit codes in the help of each command.
const exitHelp = `

Exit status: 0 everything was done; 1 the work failed; 2 the command line, the
settings or a file named there is wrong; 3 the work was done, and something was
left out, is missing or differs, as the output says; 130 interrupted.`

// Exit is an error that ends the program with a certain code. Err, which may
// be nil when everything was said, is a sentence for standard error.
type Exit struct {
	Code int
	Err  error
}

// Error returns the sentence. Names that others gave are made safe for a
// terminal.
func (e *Exit) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit with status %d", e.Code)
	}
	return clean(e.Err.Error())
}

// Unwrap returns the cause.
func (e *Exit) Unwrap() error { return e.Err }

// usagef is a fault of the command line.
func usagef(format string, args ...any) error { return &Exit{Usage, fmt.Errorf(format, args...)} }

// partialf says what is left out of work that was done.
func partialf(format string, args ...any) error { return &Exit{Partial, fmt.Errorf(format, args...)} }

// exitError gives errors of the work their exit code.
func exitError(ctx context.Context, err error) error {
	if known := (*Exit)(nil); err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Exit{Interrupted, fmt.Errorf("interrupted: %w", err)}
	}
	return &Exit{Failed, err}
}
