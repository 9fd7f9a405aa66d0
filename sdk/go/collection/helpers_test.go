// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// opaque is a locator of opaque form.
func opaque(t testing.TB, key string, offset, size int64) string {
	t.Helper()
	e := pseudoblock.Extent{Object: locator.Object{Bucket: "bucket", Key: key, VersionID: "v1"}, Offset: offset, Size: size}
	l, err := e.Locator(pseudoblock.Opaque)
	if err != nil {
		t.Fatal(err)
	}
	return l.String()
}
