// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that the bench started.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdout *bufio.Reader
	exited chan struct{}
}

// command says how to start a process. It gets no environment but PATH and a
// HOME of its own.
type command struct {
	name string
	args []string
	env  []string
	// cpus is a list for taskset; empty means all.
	cpus string
}

// start starts a server; its standard error goes to a file in dir.
func start(dir string, c command) (*process, error) {
	args := c.args
	if c.cpus != "" {
		args = append([]string{"taskset", "-c", c.cpus}, args...)
	}
	log, err := os.OpenFile(filepath.Join(dir, c.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{name: c.name, cmd: exec.Command(args[0], args[1:]...), exited: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, c.env...)
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdout = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.name, err)
	}
	go func() {
		_ = p.cmd.Wait() // that it ended is all that counts
		close(p.exited)
	}()
	return p, nil
}

// line returns the rest of the first line of the output that begins with
// prefix, and passes the output after it by.
func (p *process) line(prefix string) (string, error) {
	for {
		text, err := p.stdout.ReadString('\n')
		if rest, ok := strings.CutPrefix(strings.TrimSpace(text), prefix); ok {
			return rest, nil
		}
		if err != nil {
			return "", fmt.Errorf("%s ended before it was ready: %w", p.name, err)
		}
	}
}

// drain throws away what the process prints from now on.
func (p *process) drain() { go func() { _, _ = io.Copy(io.Discard, p.stdout) }() }

// stop ends the process, by its id, and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// await returns when the address accepts connections.
func (p *process) await(ctx context.Context, address string) error {
	for ctx.Err() == nil {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return c.Close()
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended before it was ready", p.name)
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// ticks is the unit of times in /proc/PID/stat, which Linux fixes for
// programs at 1/100 s.
const ticks = 100

// cpu returns the seconds of CPU that the process and its live children have
// used, in user and kernel mode.
func (p *process) cpu() (float64, error) {
	total := 0.0
	for _, pid := range p.family() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The name, in parentheses, may hold spaces.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		user, err1 := strconv.ParseFloat(fields[11], 64)
		system, err2 := strconv.ParseFloat(fields[12], 64)
		if err := errors.Join(err1, err2); err != nil {
			return 0, err
		}
		total += (user + system) / ticks
	}
	return total, nil
}

// family returns the ids of the process and its children.
func (p *process) family() []int {
	pid := p.cmd.Process.Pid
	pids := []int{pid}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // absent on some kernels
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}

// memory returns MiB from /proc/PID/status, of the process and its children:
// "VmRSS" is what it holds now, "VmHWM" the most that it ever held.
func (p *process) memory(field string) (float64, error) {
	total := 0.0
	for _, pid := range p.family() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		_, rest, _ := strings.Cut(string(text), field+":")
		value, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		kib, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("no %s of %s: %w", field, p.name, err)
		}
		total += kib / 1024
	}
	return total, nil
}

// freeAddress returns a loopback address that nobody listens on right now,
// for servers that cannot choose one themselves.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
