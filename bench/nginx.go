// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// nginxHead is common to both roles. One worker, as it gets one core.
const nginxHead = `daemon off;
%[1]s
worker_processes 1;
worker_rlimit_nofile 16384;
pid %[2]s/%[3]s.pid;
error_log %[2]s/%[3]s.error.log;
events { worker_connections 8192; }
http {
  client_body_temp_path %[2]s/tmp; proxy_temp_path %[2]s/tmp; fastcgi_temp_path %[2]s/tmp;
  uwsgi_temp_path %[2]s/tmp; scgi_temp_path %[2]s/tmp;
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  send_timeout 300s;
  tcp_nodelay on;
  log_format sent '$body_bytes_sent';
`

// standInServers is nginx as an S3 server: files, ranges, and the version that
// was asked for in each reply. The second port also logs what it sends.
const standInServers = `
  sendfile on;
  sendfile_max_chunk 1m;
  root %[1]s/data;
  access_log off;
  add_header x-amz-version-id $arg_versionId;
  server { listen %[2]s backlog=4096; }
  server { listen %[3]s; access_log %[1]s/sent.log sent; }
}
`

// peerServer is nginx as an operator would set it to pass large bodies on:
// connections to S3 are kept, buffers are larger than the default and never
// spill to disk, and each request is logged.
const peerServer = `
  upstream s3 { server %[2]s; keepalive 128; keepalive_requests 100000000; }
  access_log %[1]s/peer.access.log combined buffer=32k flush=1s;
  server {
    listen %[3]s backlog=4096;
    location / {
      proxy_pass http://s3;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering on;
      proxy_buffer_size 16k;
      proxy_buffers 8 64k;
      proxy_busy_buffers_size 128k;
      proxy_max_temp_file_size 0;
    }
  }
}
`

// peerSettings is the same for the reader of the results.
const peerSettings = "proxy_buffering on, proxy_buffers 8 × 64k, no temporary files, keep-alive to S3, access log buffered, one worker"

// haveNginx returns the path of nginx, or "". Only root has sbin in PATH.
func haveNginx() string {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// startNginx starts an nginx of our own with the given servers.
func (b *bench) startNginx(name, cpus, address, servers string) (*process, error) {
	dir, user := b.dir, ""
	if os.Getuid() == 0 {
		user = "user root;" // the folder is ours alone
	}
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, name+".conf")
	text := fmt.Sprintf(nginxHead, user, dir, name) + servers
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := start(dir, command{name: name, cpus: cpus,
		args: []string{b.nginx, "-e", filepath.Join(dir, name+".error.log"), "-c", file}})
	if err != nil {
		return nil, err
	}
	p.drain()
	if err := p.await(b.ctx, address); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w; see its log: %s", err, tail(filepath.Join(dir, name+".error.log")))
	}
	return p, nil
}

// tail returns the end of a log, for an error.
func tail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-500):])
}
