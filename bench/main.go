// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// The first argument that makes this program one of its own helpers.
const (
	loadCommand      = "helper-load"
	generatorCommand = "helper-generator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	if status, ok := helper(ctx, args); ok {
		return status
	}
	o, err := parseOptions(args)
	if err == nil {
		err = measureAll(ctx, o)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// helper runs the load generator or the S3 generator, if that is asked for.
func helper(ctx context.Context, args []string) (status int, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	switch args[0] {
	case loadCommand:
		return loadMain(os.Stdin, os.Stdout), true
	case generatorCommand:
		return generatorMain(ctx, args[1:]), true
	}
	return 0, false
}

// options are the flags.
type options struct {
	command string
	scale   scale
	nginx   string   // path, or empty
	build   []string // flags for go build
	only    *regexp.Regexp
	out     string
	wait    time.Duration
}

func parseOptions(args []string) (options, error) {
	o := options{command: commandLine(args), scale: normalScale(), nginx: haveNginx()}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := f.Bool("quick", false, "about two minutes, smaller samples")
	full := f.Bool("full", false, "also 10 million keys and 2,000 slow clients")
	only := f.String("only", "", "run only the sections that match this regular expression; they are saved, beside the others of an earlier run, only if -out is given")
	f.StringVar(&o.out, "out", "", "folder for RESULTS.md and results.json (default bench)")
	f.DurationVar(&o.wait, "wait", 0, "wait this long at most for the load average to fall below 1")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *quick {
		o.scale = quickScale()
	}
	if *full {
		o.scale = fullScale()
	}
	if o.out == "" && *only == "" {
		o.out = "bench"
	}
	var err error
	o.only, err = regexp.Compile(*only)
	return o, err
}

// commandLine is how to run the same again.
func commandLine(args []string) string {
	words := []string{"go run ./bench"}
	for _, arg := range args {
		if strings.ContainsAny(arg, "|*() ") {
			arg = "'" + arg + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// bench is one run.
type bench struct {
	ctx    context.Context
	scale  scale
	dir    string // temporary
	self   string // this program
	binary string // keepstore
	nginx  string // path, or empty
	report *report
	// seed is that of the blocks that were made last.
	seed uint64
	// section is the heading of the rows that are added now.
	section string
}

// section is one group of numbers.
type section struct {
	name    string
	measure func(*bench) error
}

func sections() []section {
	return []section{
		{"Large reads", (*bench).largeReads},
		{"Ranges of 4 KiB", (*bench).smallRanges},
		{"First byte", (*bench).firstBytes},
		{"Read amplification", (*bench).amplification},
		{"Slow S3", (*bench).slowS3},
		{"Ordinary blocks", (*bench).ordinaryBlocks},
		{"Import", (*bench).imports},
		{"Slow clients", (*bench).slowClients},
		{"Go SDK", (*bench).goSDK},
		{"Python", (*bench).pythonReads},
		{"Parts of the read path", (*bench).micro},
	}
}

func measureAll(ctx context.Context, o options) error {
	if o.out != "" { // better now than after minutes of work
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return err
		}
	}
	b, done, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer done()
	begin := time.Now()
	for _, s := range sections() {
		if !o.only.MatchString(s.name) {
			continue
		}
		b.section = s.name
		fmt.Fprintf(os.Stderr, "measuring: %s\n", s.name)
		before := cpuTimes()
		if err := s.measure(b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b.report.Sections[s.name] = circumstances{Command: o.command, Date: today(), Version: b.report.Machine.Version, Others: math.Round(others(before, cpuTimes()))}
		b.report.print(s.name)
	}
	b.report.Machine.Took = time.Since(begin).Round(time.Second).String()
	if o.out == "" {
		return nil
	}
	return b.report.save(o.out)
}

// newBench builds keepstore and looks at the machine. done removes what the
// run made.
func newBench(ctx context.Context, o options) (b *bench, done func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "keepstore-bench-")
	if err != nil {
		return nil, nil, err
	}
	done = func() { _ = os.RemoveAll(dir) } // a leftover folder harms nobody
	b = &bench{ctx: ctx, scale: o.scale, dir: dir, self: self, nginx: o.nginx, report: &report{Sections: map[string]circumstances{}}}
	if b.binary, err = buildKeepstore(ctx, dir, o.build); err != nil {
		done()
		return nil, nil, err
	}
	awaitQuiet(ctx, o.wait)
	b.report.Machine = describeMachine(ctx, b.nginx, b.binary)
	b.report.Notes = b.notes()
	return b, done, nil
}

func (b *bench) notes() []string {
	notes := []string{
		"keepstore runs as `keepstore standalone` with its default limits and log; each read checks a permission signature and a token and signs an S3 request.",
		"The S3 server of the reads is nginx serving files from the page cache, on loopback, without TLS.",
	}
	if b.nginx == "" {
		return append(notes, "nginx is missing here: the S3 server was a generator of ours, and there was no peer.")
	}
	notes = append(notes, "The peer is nginx with "+peerSettings+".")
	notes = append(notes, "Ordinary blocks: keepstore has one directory volume. PUT: each block is new; keepstore and direct sync the file and its folder before they are done, nginx (`dav_methods PUT`) syncs nothing. "+
		"GET: the blocks are in the page cache; keepstore and direct check the MD5, nginx (`sendfile`) does not. Judged is the ratio to direct, whose CPU time is that of the load itself; when it writes, the MD5 is known beforehand.")
	if server, others := cores(); server != "" {
		notes = append(notes, fmt.Sprintf("Pinned: the measured server has core %s to itself; the S3 server and the load share cores %s.", server, others))
	}
	return notes
}

// add adds a row to the present section.
func (b *bench) add(r row) {
	r.Section = b.section
	b.report.Rows = append(b.report.Rows, r)
}
