// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/testenv"
)

// asProgram in the environment makes the test binary the demo itself.
const asProgram = "KEEPSTORE_DEMO_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" || len(os.Args) > 1 && os.Args[1] == programArgument { // which has its own environment
		main()
	}
	os.Exit(m.Run())
}

// program is a running demo.
type program struct {
	cmd    *exec.Cmd
	output *testenv.Output
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
	p := &program{cmd: exec.Command(self, args...), output: &testenv.Output{}, temp: t.TempDir(), ended: make(chan error, 1)}
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

// servers returns the processes and the addresses of the S3 servers.
func (p *program) servers(t *testing.T) (processes []int, addresses []string) {
	t.Helper()
	for _, line := range strings.Split(p.output.String(), "\n") {
		_, numbers, found := strings.Cut(line, ", process")
		if !found {
			continue
		}
		for _, text := range regexp.MustCompile(`http://[^ ,]+`).FindAllString(line, -1) {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			addresses = append(addresses, u.Host)
		}
		for _, text := range regexp.MustCompile(`\d+`).FindAllString(numbers, -1) {
			pid, _ := strconv.Atoi(text) // digits
			processes = append(processes, pid)
		}
	}
	if len(addresses) < 2 || len(addresses) != len(processes) {
		t.Fatalf("the demo names no S3 servers:\n%s", p.output)
	}
	return processes, addresses
}

// wantGone fails if a server lives on after a demo that ended by itself and so
// has waited for it.
func (p *program) wantGone(t *testing.T) {
	t.Helper()
	processes, addresses := p.servers(t)
	for i, pid := range processes {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("the S3 server at %s, process %d, still runs (%v)", addresses[i], pid, err)
		}
		awaitSilence(t, addresses[i])
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
