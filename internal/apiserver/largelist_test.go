// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestLargeList: a list of large properties ends early, as one of large
// manifests does, so that nobody can make the server hold more than that.
func TestLargeList(t *testing.T) {
	const rows, half = 160, 450_000
	w := newWorld(t)
	_, err := w.db.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO groups (uuid, owner_uuid, created_at, modified_at, name, group_class, properties)
		SELECT printf('zzzzz-j7d0g-%015d', i), ?, '2026-01-01T00:00:00.000000000Z', '2026-01-01T00:00:00.000000000Z', 'g' || i, 'project',
			'{"x":"' || hex(zeroblob(?)) || '"}' FROM n`, rows, w.ann.UUID, half)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/arvados/v1/groups?limit=1000&count=none", nil)
	r.Header.Set("Authorization", "Bearer "+w.token)
	got := httptest.NewRecorder()
	w.Handler().ServeHTTP(got, r)
	if n := got.Body.Len(); got.Code != http.StatusOK || n < 2*half || n > maxReply+4*half {
		t.Errorf("status %d, %d bytes", got.Code, n)
	}
}
