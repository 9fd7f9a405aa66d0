// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asProgram in the environment makes the test binary the demo itself.
const asProgram = "KEEPSTORE_DEMO_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// program is a running demo.
type program struct {
	cmd    *exec.Cmd
	output *output
	temp   string
	ended  chan error // gets one value
}

// start runs the demo with nothing in its environment but a folder for
// temporary files.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	return startTo(t, nil, args...)
}

// startTo is start with another place for standard output, unless it is nil.
func startTo(t *testing.T, stdout *os.File, args ...string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: exec.Command(self, args...), output: &output{}, temp: t.TempDir(), ended: make(chan error, 1)}
	p.cmd.Env = []string{asProgram + "=1", "TMPDIR=" + p.temp}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if stdout != nil {
		p.cmd.Stdout = stdout
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // it has mostly ended
	return p
}

// status waits for the end and returns the exit status.
func (p *program) status(t *testing.T) int {
	t.Helper()
	select {
	case err := <-p.ended:
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(2 * time.Minute):
		t.Fatalf("the demo did not end; it printed:\n%s", p.output)
		return -1
	}
}

// await waits until the demo has printed a text.
func (p *program) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(p.output.String(), text); {
		select {
		case err := <-p.ended:
			t.Fatalf("the demo ended (%v) before it printed %q; it printed:\n%s", err, text, p.output)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the demo did not print %q but:\n%s", text, p.output)
		}
	}
}

// gateway returns the process and the URL of the gateway.
func (p *program) gateway(t *testing.T) (pid int, address string) {
	t.Helper()
	found := regexp.MustCompile(`S3 gateway +(\S+) \(versitygw, process (\d+)`).FindStringSubmatch(p.output.String())
	if found == nil {
		t.Fatalf("the demo names no gateway:\n%s", p.output)
	}
	u, err := url.Parse(found[1])
	if err != nil {
		t.Fatal(err)
	}
	pid, _ = strconv.Atoi(found[2]) // digits
	return pid, u.Host
}

// wantGone fails if the gateway lives on after a demo that ended by itself
// and so has waited for it.
func (p *program) wantGone(t *testing.T) {
	t.Helper()
	pid, _ := p.gateway(t)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the gateway, process %d, still runs (%v)", pid, err)
	}
}

// wantNothingLeft fails if a temporary folder was left behind.
func (p *program) wantNothingLeft(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(p.temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind in the folder for temporary files: %v (%v)", left, err)
	}
}

// awaitSilence waits until nobody listens at an address.
func awaitSilence(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			connection.Close()
		}
		if time.Now().After(deadline) {
			t.Fatalf("somebody still listens on %s", address)
		}
	}
}

// output collects what is printed while it is printed.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

var _ io.Writer = (*output)(nil)

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
