// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// childArgument makes this program the S3 gateway.
const childArgument = "demo-s3"

const region = "us-east-1"

// keyPair is an S3 access key with its secret.
type keyPair struct{ Access, Secret string }

// gatewaySettings go to the child in one line on its standard input, so that
// secrets stand neither in its arguments nor in its environment.
type gatewaySettings struct {
	Address   string
	Health    string // path that answers without a signature
	Folder    string
	AccessLog string
	// Sidecar asks for metadata in files even where attributes work.
	Sidecar bool
	// Owner may do everything, Reader what the bucket policy says.
	Owner, Reader keyPair
}

// gateway is the running child.
type gateway struct {
	gatewaySettings
	url    string
	cmd    *exec.Cmd
	input  io.Closer
	exited chan struct{}
}

// startGateway starts the child and waits until it answers. Another program
// may take the port between the choice and its use, so it tries again.
func startGateway(ctx context.Context, dir folder, sidecar bool) (*gateway, error) {
	log, err := os.OpenFile(dir.gatewayLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own copy
	for range 3 {
		var g *gateway
		if g, err = launch(dir, log, sidecar); err != nil {
			return nil, err
		}
		if err = g.await(ctx, 20*time.Second); err == nil {
			return g, nil
		}
		err = errors.Join(err, g.stop())
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("the S3 gateway did not start: %w; the last it said was %q", err, lastLine(dir.gatewayLog()))
}

func launch(dir folder, log *os.File, sidecar bool) (*gateway, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	g := &gateway{
		gatewaySettings: gatewaySettings{
			Address: address, Health: "/ready-" + rand.Text(), Folder: dir.gateway(), AccessLog: dir.accessLog(), Sidecar: sidecar,
			Owner: keyPair{"demo-owner", rand.Text()}, Reader: keyPair{"demo-reader", rand.Text()},
		},
		url:    "http://" + address,
		cmd:    exec.Command(program, childArgument),
		exited: make(chan struct{}),
	}
	g.cmd.Stdout, g.cmd.Stderr = log, log
	return g, g.start()
}

// start runs the child. Its standard input stays open as long as this process
// lives: when it closes, in whatever way this process ends, the child ends.
func (g *gateway) start() error {
	input, err := g.cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := g.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start the S3 gateway: %w", err)
	}
	g.input = input
	go func() {
		_ = g.cmd.Wait() // that it ended is all that counts
		close(g.exited)
	}()
	// A child that is gone already is noticed by await.
	_ = json.NewEncoder(input).Encode(g.gatewaySettings)
	return nil
}

func (g *gateway) pid() int { return g.cmd.Process.Pid }

// await polls the health path, whose name nobody else on that port knows.
func (g *gateway) await(ctx context.Context, limit time.Duration) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	timeout := time.After(limit)
	for {
		if reply, err := client.Get(g.url + g.Health); err == nil {
			reply.Body.Close()
			if reply.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.exited:
			return errors.New("it ended at once")
		case <-timeout:
			return fmt.Errorf("it did not answer for %v", limit)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop asks the child to end, and makes it end.
func (g *gateway) stop() error {
	_ = g.input.Close() // it may have ended by itself
	select {
	case <-g.exited:
	case <-time.After(5 * time.Second):
		_ = g.cmd.Process.Kill() // the same
		<-g.exited
	}
	return nil
}

func lastLine(file string) string {
	text, _ := os.ReadFile(file) // it is only told to people
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("no free port on 127.0.0.1: %w", err)
	}
	return l.Addr().String(), l.Close()
}
