// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// process is a started program and what it printed.
type process struct {
	cmd    *exec.Cmd
	output *Output
	exited chan struct{}
}

// run starts a program and waits until ready answers a request.
func run(t testing.TB, dir, ready string, env []string, name string, args ...string) *process {
	t.Helper()
	p := start(t, dir, env, name, args...)
	if !p.await(ready, 30*time.Second) {
		p.stop()
		t.Fatalf("%s did not become ready; it printed:\n%s", filepath.Base(name), p.output)
	}
	return p
}

// start starts a program with only the given environment, HOME and PATH.
func start(t testing.TB, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), output: &Output{}, exited: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", filepath.Base(name), err)
	}
	go func() {
		_ = p.cmd.Wait() // its end is all that counts
		close(p.exited)
	}()
	return p
}

// await polls until the address answers any HTTP reply.
func (p *process) await(url string, limit time.Duration) bool {
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		if reply, err := client.Get(url); err == nil {
			_ = reply.Body.Close()
			if reply.StatusCode < 500 {
				return true
			}
		}
		select {
		case <-p.exited:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.exited
}

// freeAddress returns a loopback address that nobody listens on right now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
