// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"testing"

	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/s3read/s3readtest"
)

func harness(t *testing.T, s *testenv.Server, q s3readtest.Quirks) s3readtest.Harness {
	return s3readtest.Harness{
		Access:      s.Access(),
		Versioned:   s.Bucket(t, "conformance", true),
		Unversioned: s.Bucket(t, "conformance-plain", false),
		Client:      s.Client(t),
		Quirks:      q,
	}
}

func set(keys ...string) map[string]bool {
	out := make(map[string]bool)
	for _, k := range keys {
		out[k] = true
	}
	return out
}

// conformer is a server of the conformance suite.
type conformer struct {
	name   string
	server func(testing.TB) *testenv.Server
	quirks s3readtest.Quirks
}

// TestConformance runs the suite on every server that is there. Ceph's gateway
// is a row only where "make test" says so, since not every machine can have it.
func TestConformance(t *testing.T) {
	rows := []conformer{
		{"minio", servers.MinIO, s3readtest.Quirks{
			RefusedKeys:     set("a/./b", "a/../b", "..", "a//b"),
			RenamedKeys:     map[string]string{"/leading-slash": "leading-slash", "//double": "double"},
			UnversionedKeys: set("trailing/"),
		}},
		{"versitygw", servers.Versitygw, s3readtest.Quirks{
			RefusedKeys: set("..", "trailing/"),
			RenamedKeys: map[string]string{"/leading-slash": "leading-slash", "//double": "double",
				"a//b": "a/b", "a/./b": "", "a/../b": "b"},
			Garbled: set("control\x01char", "ffff-\uffff"),
		}},
		{"moto", servers.Moto, s3readtest.Quirks{
			RefusedKeys:         set("newline\nnewline", "crlf\r\nend"),
			AcceptedCredentials: set("wrong secret", "unknown key", "stray token"),
			ListsForAll:         true,
			LosesParallelPuts:   true,
		}},
	}
	if testenv.WithCephRGW() {
		rows = append(rows, conformer{"ceph-rgw", servers.CephRGW, s3readtest.Quirks{
			AcceptedCredentials: set("stray token"),
			HidesSize:           true,
		}})
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { s3readtest.Run(t, harness(t, row.server(t), row.quirks)) })
	}
}
