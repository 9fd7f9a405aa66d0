// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == childArgument {
		os.Exit(gatewayMain(os.Stdin, os.Stderr))
	}
	if len(os.Args) == 2 && os.Args[1] == minioArgument {
		os.Exit(minioMain(os.Stdin, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == programArgument {
		os.Exit(programMain(os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// flags are the command line.
type flags struct {
	once    bool
	data    string
	listen  string
	sidecar bool
	minio   string
	slow    bool
}

func parseFlags(args []string, usage io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("demo", flag.ContinueOnError)
	set.SetOutput(usage)
	set.BoolVar(&f.once, "once", false, "end after the tour")
	set.StringVar(&f.data, "data", "", "folder to keep everything in (default: a temporary one, removed at the end)")
	set.StringVar(&f.listen, "listen", "127.0.0.1:0", "address of keepstore; port 0 takes any free one")
	set.BoolVar(&f.sidecar, "sidecar", false, "let the S3 gateway keep metadata in files, as it does where the file system has no extended attributes")
	set.StringVar(&f.minio, "minio", "", "MinIO program for the part with roles; none leaves it out (default: the one in $PATH, if there is one)")
	set.BoolVar(&f.slow, "slow", false, "also wait, up to a minute, until keys that were taken away stop working")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("the demo takes no arguments, only options: got %q", set.Arg(0))
	}
	return f, nil
}

// run returns the exit status: 0, 1 when the demo failed, 2 when the command
// line is wrong.
func run(args []string, stdout, stderr io.Writer) int {
	f, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "demo:", err)
		return 2
	}
	// When nobody reads the output any more, everything is still cleared away.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	if err := demo(ctx, f, newPrinter(stdout)); err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	return 0
}

// demo sets the stage, gives the tour and, unless told otherwise, stays.
func demo(ctx context.Context, f flags, p *printer) (err error) {
	p.headline("S3 objects as Keep blocks, end to end, on this machine only")
	s, err := setStage(ctx, f, p)
	if err != nil {
		return stopped(ctx, err)
	}
	defer func() { err = errors.Join(err, s.clear()) }()
	t := &tour{stage: s, out: p, slow: f.slow}
	if err := t.run(ctx, t.steps()); err != nil {
		return stopped(ctx, err)
	}
	if s.roles == nil {
		p.say("The same with roles in place of keys needs S3 with an STS: run make demo-role, or give --minio PROGRAM.")
	}
	if f.once {
		return nil
	}
	stay(p, s, t)
	select {
	case <-ctx.Done():
		p.say("\nStopping.")
		return nil
	case err := <-s.service.ended:
		return fmt.Errorf("keepstore stopped by itself: %w", err)
	case <-s.gateway.exited:
		return fmt.Errorf("the S3 gateway stopped by itself: see %s", s.dir.gatewayLog(firstName))
	case <-s.partner.exited:
		return fmt.Errorf("the S3 gateway of the partner stopped by itself: see %s", s.dir.gatewayLog(partnerName))
	}
}

// stopped says so when an error is only the echo of Ctrl-C.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("stopped before the tour ended")
	}
	return err
}
