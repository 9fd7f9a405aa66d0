// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// blockRig is the servers that ordinary blocks are measured on, and their
// folders, all on the same disk.
type blockRig struct {
	keepstore *keepstore
	nginx     *process // nil where there is none
	address   string   // of nginx
	dav       bool     // whether nginx takes files in
	// volume is keepstore's, and what nginx serves; put takes what nginx takes
	// in, and raw what is written without a server.
	volume, put, raw string
	settle           bool
}

// startBlockRig starts both servers on one core, since only one of them is
// asked at a time.
func (b *bench) startBlockRig() (*blockRig, error) {
	dir := filepath.Join(b.dir, "blocks")
	r := &blockRig{volume: filepath.Join(dir, "volume"), put: filepath.Join(dir, "put"), raw: filepath.Join(dir, "raw"), settle: b.scale.blocks.settle}
	for _, folder := range []string{r.volume, r.put, r.raw} {
		if err := makeBlockFolders(folder); err != nil {
			return nil, err
		}
	}
	server, _ := cores()
	if err := b.startBlockPeer(r, server); err != nil {
		return nil, err
	}
	var err error
	r.keepstore, err = startKeepstore(b.dir, b.binary, keepstoreOptions{cpus: server, volume: r.volume})
	if err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

func (r *blockRig) stop() {
	if r.nginx != nil {
		r.nginx.stop()
	}
	if r.keepstore != nil {
		r.keepstore.stop()
	}
}

// blockServer is nginx on the files of the volume. It takes others in where
// its DAV module is there: it writes them to a temporary file on the same disk
// and renames that.
const blockServer = `
  sendfile on;
  sendfile_max_chunk 1m;
  client_max_body_size 0;
  access_log %[1]s/blocks.access.log combined buffer=32k flush=1s;
  server {
    listen %[2]s backlog=4096;
    location / { root %[1]s/blocks/volume; }
    %[3]s
  }
}
`

func (b *bench) startBlockPeer(r *blockRig, cpus string) error {
	if b.nginx == "" {
		return nil
	}
	out, err := exec.CommandContext(b.ctx, b.nginx, "-V").CombinedOutput()
	if err != nil {
		return fmt.Errorf("asking nginx for its modules: %w", err)
	}
	location := ""
	if r.dav = strings.Contains(string(out), "http_dav_module"); r.dav {
		location = fmt.Sprintf("location /put/ { root %s/blocks; dav_methods PUT; }", b.dir)
	} else {
		b.report.Notes = append(b.report.Notes, "This nginx takes no files in, since it lacks the DAV module: PUT is compared with the disk alone.")
	}
	if r.address, err = freeAddress(); err != nil {
		return err
	}
	r.nginx, err = b.startNginx("blocks", cpus, r.address, fmt.Sprintf(blockServer, b.dir, r.address, location))
	return err
}
