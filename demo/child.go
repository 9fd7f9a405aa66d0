// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// child is this program again, as an S3 server. Its standard input stays open
// as long as the demo lives: when it closes, in whatever way the demo ends,
// the child ends.
type child struct {
	cmd    *exec.Cmd
	input  io.Closer
	exited chan struct{}
}

// startChild starts a child. The settings go to it in one line of JSON on its
// standard input, so that secrets stand neither in its arguments nor in its
// environment.
func startChild(argument, logFile string, settings any) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own copy
	c := &child{cmd: exec.Command(program, argument), exited: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	input, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start an S3 server: %w", err)
	}
	c.input = input
	go func() {
		_ = c.cmd.Wait() // that it ended is all that counts
		close(c.exited)
	}()
	// A child that is gone already is noticed by await.
	_ = json.NewEncoder(input).Encode(settings)
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// awaitURL polls an address until it answers 200.
func (c *child) awaitURL(ctx context.Context, url string, limit time.Duration) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	return c.await(ctx, limit, func() bool {
		reply, err := client.Get(url)
		if err != nil {
			return false
		}
		reply.Body.Close()
		return reply.StatusCode == http.StatusOK
	})
}

// await asks again and again whether the child is ready.
func (c *child) await(ctx context.Context, limit time.Duration, ready func() bool) error {
	timeout := time.After(limit)
	for !ready() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.exited:
			return errors.New("it ended at once")
		case <-timeout:
			return fmt.Errorf("it was not ready within %v", limit)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// stop asks the child to end, and makes it end.
func (c *child) stop() error {
	_ = c.input.Close() // it may have ended by itself
	select {
	case <-c.exited:
	case <-time.After(5 * time.Second):
		_ = c.cmd.Process.Kill() // the same
		<-c.exited
	}
	return nil
}

// childMain reads the settings and serves until the input ends. It returns
// the exit status.
func childMain(settings any, serve func(context.Context) error, input io.Reader, log io.Writer) int {
	// What a terminal sends reaches every process; the parent decides.
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	lines := bufio.NewReader(input)
	line, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, settings)
	}
	if err != nil {
		fmt.Fprintln(log, "this argument is for the demo itself: run it without")
		return 2
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, lines) // any end is the end
		cancel()
	}()
	if err := serve(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(log, "S3 server:", err)
		return 1
	}
	return 0
}
