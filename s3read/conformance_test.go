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

func TestConformanceMinIO(t *testing.T) {
	s3readtest.Run(t, harness(t, servers.MinIO(t), s3readtest.Quirks{
		RefusedKeys:     set("a/./b", "a/../b", "..", "a//b"),
		RenamedKeys:     map[string]string{"/leading-slash": "leading-slash", "//double": "double"},
		UnversionedKeys: set("trailing/"),
	}))
}

func TestConformanceVersitygw(t *testing.T) {
	s3readtest.Run(t, harness(t, servers.Versitygw(t), s3readtest.Quirks{
		RefusedKeys: set("..", "trailing/"),
		RenamedKeys: map[string]string{"/leading-slash": "leading-slash", "//double": "double",
			"a//b": "a/b", "a/./b": "", "a/../b": "b"},
		Garbled: set("control\x01char", "ffff-\uffff"),
	}))
}
