// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3http

import "testing"

func TestN03LinkLocalIsRefused(t *testing.T) {
	for _, c := range []struct {
		url, address string
		ok           bool
	}{
		{"https://minio.lab:9000", "192.0.2.1:9000", true},
		{"http://127.0.0.1:9000", "127.0.0.1:9000", true},
		{"https://minio.lab:9000", "169.254.169.254:80", false},
		{"", "169.254.169.254:80", false},
		{"https://minio.lab", "[fe80::1%eth0]:443", false},
		{"https://minio.lab", "[::ffff:169.254.169.254]:443", false},
		{"http://169.254.169.253", "169.254.169.254:80", false},
		{"http://169.254.169.254", "169.254.169.254:80", true},
	} {
		if err := refuseLinkLocal(c.url)("tcp", c.address, nil); (err == nil) != c.ok {
			t.Errorf("endpoint %q to %s: %v", c.url, c.address, err)
		}
	}
}
