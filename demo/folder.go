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

func (f folder) config() string           { return f.in("keepstore.yml") }
func (f folder) service() string          { return f.in("keepstore") }
func (f folder) keepstoreLog() string     { return f.in("keepstore.log") }
func (f folder) blocks() string           { return f.in("blocks") }
func (f folder) minio(name string) string { return f.in("minio-" + name) }

// The first gateway is "s3", the others have a name.
func (f folder) gateway(name string) string    { return f.in("s3" + suffix(name)) }
func (f folder) gatewayLog(name string) string { return f.in("s3-gateway" + suffix(name) + ".log") }
func (f folder) accessLog(name string) string  { return f.in("s3-access" + suffix(name) + ".log") }
func (f folder) minioLog(name string) string   { return f.in("minio-" + name + ".log") }

func suffix(name string) string {
	if name == firstName {
		return ""
	}
	return "-" + name
}

func (f folder) remove() error {
	if !f.temporary {
		return nil
	}
	return os.RemoveAll(f.path)
}
