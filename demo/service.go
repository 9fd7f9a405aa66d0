// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/arvados-s3/keepstore/internal/app"
)

// service is keepstore with the embedded API server, in this process.
type service struct {
	url, apiURL string
	cancel      context.CancelFunc
	ended       chan error // gets one value, then closed
	log         *os.File
	reload      chan os.Signal
}

// startService writes the configuration and starts keepstore with it, as
// `keepstore standalone` does.
func startService(ctx context.Context, dir folder, c settings) (*service, error) {
	if err := c.write(dir); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(dir.keepstoreLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	// It must outlive the tour's context, so that it drains before S3 ends.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &service{cancel: cancel, ended: make(chan error, 1), log: log, reload: make(chan os.Signal)}
	ready := make(chan string, 1)
	go func() {
		defer close(s.ended)
		s.ended <- app.Standalone(inner, app.StandaloneOptions{
			Options: app.Options{ConfigFile: dir.config(), Log: log, Reload: s.reload, Ready: func(address string) { ready <- address }},
			DataDir: dir.service(), APIListen: "127.0.0.1:0", ReleaseSecrets: true,
			APIReady: func(url, _ string) { s.apiURL = url },
		})
	}()
	select {
	case address := <-ready:
		s.url = "http://" + reachable(address)
		return s, nil
	case err := <-s.ended:
		return nil, fmt.Errorf("keepstore did not start: %w", err)
	}
}

// reachable returns where a client on this machine finds a listener, which
// may listen on every interface.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

// reconfigure changes the configuration of the running service, as SIGHUP
// does, and waits until it has taken effect.
func (s *service) reconfigure(ctx context.Context, dir folder, c settings, effect func() bool) error {
	if err := c.write(dir); err != nil {
		return err
	}
	select {
	case s.reload <- syscall.SIGHUP:
	case err := <-s.ended:
		return fmt.Errorf("keepstore stopped by itself: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
	for deadline := time.Now().Add(20 * time.Second); !effect(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("keepstore did not take the new configuration; the last it said was %s", lastLine(dir.keepstoreLog()))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

func (s *service) stop() error {
	s.cancel()
	for err := range s.ended {
		if err != nil {
			return fmt.Errorf("keepstore did not stop well: %w", err)
		}
	}
	return s.log.Close()
}
