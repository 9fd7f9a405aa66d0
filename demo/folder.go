// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// folder is where everything of the demo lies. It is an absolute path, since
// the gateway changes its working directory.
type folder struct {
	path string
	// temporary says that it is removed at the end.
	temporary bool
}

func newFolder(keep string) (folder, error) {
	if keep == "" {
		path, err := os.MkdirTemp("", "keepstore-demo-")
		if err != nil {
			return folder{}, fmt.Errorf("cannot make a temporary folder: %w: set TMPDIR, or name a folder with --data DIR", err)
		}
		return folder{path, true}, nil
	}
	path, err := filepath.Abs(keep)
	if err == nil {
		err = os.MkdirAll(path, 0o700)
	}
	if err != nil {
		return folder{}, fmt.Errorf("cannot use the folder of --data: %w", err)
	}
	return folder{path: path}, nil
}

func (f folder) in(name string) string { return filepath.Join(f.path, name) }

func (f folder) config() string       { return f.in("keepstore.yml") }
func (f folder) service() string      { return f.in("keepstore") }
func (f folder) keepstoreLog() string { return f.in("keepstore.log") }
func (f folder) blocks() string       { return f.in("blocks") }
func (f folder) gateway() string      { return f.in("s3") }
func (f folder) gatewayLog() string   { return f.in("s3-gateway.log") }
func (f folder) accessLog() string    { return f.in("s3-access.log") }

func (f folder) remove() error {
	if !f.temporary {
		return nil
	}
	return os.RemoveAll(f.path)
}
