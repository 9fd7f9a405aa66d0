// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/arvados-s3/keepstore/internal/app"
)

// service is keepstore with the embedded API server, in this process.
type service struct {
	url, apiURL string
	cancel      context.CancelFunc
	ended       chan error // gets one value, then closed
	log         *os.File
}

// startService writes the configuration and starts keepstore with it, as
// `keepstore standalone` does.
func startService(ctx context.Context, dir folder, g *gateway, listen string) (*service, error) {
	if err := writeConfig(dir, g, listen); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(dir.keepstoreLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	// It must outlive the tour's context, so that it drains before S3 ends.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &service{cancel: cancel, ended: make(chan error, 1), log: log}
	ready := make(chan string, 1)
	go func() {
		defer close(s.ended)
		s.ended <- app.Standalone(inner, app.StandaloneOptions{
			Options: app.Options{ConfigFile: dir.config(), Log: log, Ready: func(address string) { ready <- address }},
			DataDir: dir.service(), APIListen: "127.0.0.1:0",
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

func (s *service) stop() error {
	s.cancel()
	for err := range s.ended {
		if err != nil {
			return fmt.Errorf("keepstore did not stop well: %w", err)
		}
	}
	return s.log.Close()
}

// writeConfig writes keepstore.yml. The secret key has a file of its own, as
// it should have anywhere.
func writeConfig(dir folder, g *gateway, listen string) error {
	secret := dir.in("s3-reader-secret")
	if err := os.WriteFile(secret, []byte(g.Reader.Secret+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.MkdirAll(dir.blocks(), 0o700); err != nil {
		return err
	}
	type mapping = map[string]any
	text, err := yaml.Marshal(mapping{
		"listen": listen,
		"endpoints": mapping{"demo": mapping{
			"url": g.url, "region": region, "path_style": true,
			"access_key_id": g.Reader.Access, "secret_access_key_file": filepath.Base(secret),
		}},
		"access": []mapping{{
			"url": "s3://" + bucketName + "/", "endpoint": "demo", "mode": "iam",
			"import": mapping{"users": []string{"*"}},
		}},
		"volumes": []mapping{{"driver": "directory", "root": dir.blocks()}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(dir.config(), text, 0o600)
}
