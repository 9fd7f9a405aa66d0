// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/pseudoblock"
)

// TestMixedBlocks: one server reads extents of S3 objects and ordinary blocks
// of an S3 volume and of a directory, under one token.
func TestMixedBlocks(t *testing.T) {
	blocks, data := bucket(t, servers.MinIO(t)), bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("system_root_token: %s\naccess:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam}\n"+
		"volumes:\n  - {driver: s3, endpoint: lab, bucket: %s, prefix: k/, storage_classes: [archive]}\n  - {driver: directory, root: %s}\n",
		rootToken, data, blocks, t.TempDir()))
	e := pseudoblock.Extent{Object: put(t, r.labServer, data, "x", []byte("0123456789")), Offset: 2, Size: 5}
	if got := r.get(r.locator(e, pseudoblock.Derived, r.alice), r.alice); got.body != "23456" {
		t.Errorf("an extent: %d %q", got.StatusCode, got.body)
	}
	for class, want := range map[string]string{"archive": "archive=1", "default": "default=1", "archive, default": "archive=1, default=1"} {
		content := text(1 << 20)
		stored := r.do(http.MethodPut, "/"+string(md5Hash(content)), r.alice, content, "X-Keep-Storage-Classes: "+class)
		if got := stored.Header.Get("X-Keep-Storage-Classes-Confirmed"); stored.StatusCode != 200 || got != want {
			t.Fatalf("%s: PUT %d %q, %q", class, stored.StatusCode, got, stored.body)
		}
		l := strings.TrimSpace(stored.body)
		if got := r.get(l, r.alice); got.body != content {
			t.Errorf("%s: GET %d", class, got.StatusCode)
		}
		r.wantError(r.get(l, r.bob), 400, "bad-signature")
	}
	index := r.do(http.MethodGet, "/index", rootToken, "")
	if n := strings.Count(index.body, "\n"); n != 5 || !strings.HasSuffix(index.body, "\n\n") {
		t.Errorf("the index of 4 copies: %d %q", index.StatusCode, index.body)
	}
}
