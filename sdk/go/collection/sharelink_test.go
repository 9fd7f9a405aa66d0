// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

// manyTokens is an API server whose caller has many sharing links, in pages,
// and one token beside them that no filter would have let through.
type manyTokens struct {
	t     *testing.T
	links int
	uuid  string
	ended map[string]bool
}

func (m *manyTokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/arvados/v1/users/current":
		fmt.Fprint(w, `{"uuid":"zzzzz-tpzed-000000000000001"}`)
	case r.Method == http.MethodDelete:
		m.ended[r.URL.Path] = true
		fmt.Fprint(w, `{}`)
	default:
		m.list(w, r)
	}
}

func (m *manyTokens) list(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		m.t.Error(err)
	}
	offset, _ := strconv.Atoi(r.Form.Get("offset"))
	items := []map[string]any{}
	for i := offset; i < m.links && len(items) < 1000; i++ {
		scopes := sharingScopes(m.uuid)
		if i == 5 {
			scopes = []string{"all"}
		}
		items = append(items, map[string]any{"uuid": fmt.Sprintf("zzzzz-gj3su-%015d", i), "scopes": scopes})
	}
	if err := json.NewEncoder(w).Encode(map[string]any{"items": items}); err != nil {
		m.t.Error(err)
	}
}

// TestEndAllLinks: however many links there are, all of them end, and no other
// token does.
func TestEndAllLinks(t *testing.T) {
	m := &manyTokens{t: t, links: 2500, uuid: "zzzzz-4zz18-000000000000000", ended: map[string]bool{}}
	server := httptest.NewServer(m)
	defer server.Close()
	ended, err := journalClient(t, server.URL, journalToken).EndSharingLinks(t.Context(), m.uuid)
	if err != nil || len(ended) != m.links-1 || len(m.ended) != m.links-1 || m.ended["/"+tokensPath+"/zzzzz-gj3su-000000000000005"] {
		t.Errorf("%d of %d links ended, %v", len(m.ended), m.links-1, err)
	}
}
