// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"path/filepath"
	"testing"
)

// MinIOIn returns a MinIO server that takes signatures for one region only
// and, like AWS, names that region to others. Its endpoint settings name
// [Region] all the same.
func (p *Pool) MinIOIn(t testing.TB, region string) *Server {
	t.Helper()
	return p.get(t, "minio-"+region, func(t testing.TB, dir string) *Server {
		address := freeAddress(t)
		env := append(minioEnv(), "MINIO_SITE_REGION="+region)
		proc := run(t, dir, "http://"+address+"/minio/health/ready", env,
			Bin(t, "minio"), "server", "--quiet", "--address", address, filepath.Join(dir, "data"))
		s := one(proc, address)
		s.region = region
		return s
	})
}
