// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestCondition: an update that says what the collection was is made only if it
// still is that; of many at once just one is.
func TestCondition(t *testing.T) {
	w := newWorld(t)
	made := w.store(t, w.token, object{"name": "a"})
	path := collectionsPath + "/" + made["uuid"].(string)
	update := func(name, condition string) reply {
		return ask(t, w.Server, "PUT", path, w.token, fmt.Sprintf(`{"collection":{"name":%q},"if_unchanged":%s}`, name, condition))
	}
	loaded := func(c map[string]any) string {
		text, err := json.Marshal(object{"portable_data_hash": c["portable_data_hash"], "modified_at": c["modified_at"]})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	old := loaded(made)
	w.clock.advance(1)
	for name, row := range map[string]struct {
		condition string
		status    int
	}{
		"unknown name": {strings.Replace(old, "modified_at", "changed_at", 1), 422},
		"no hash":      {`{"modified_at":"2026-01-01T12:00:00Z"}`, 422},
		"no time":      {`{"portable_data_hash":"d41d8cd98f00b204e9800998ecf8427e+0"}`, 422},
		"other hash":   {strings.Replace(old, "d41d8", "aaaaa", 1), 412},
		"other time":   {strings.Replace(old, "2026-01-01T12", "2026-01-01T11", 1), 412},
	} {
		if got := update("b", row.condition); got.status != row.status {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	if got := ask(t, w.Server, "POST", collectionsPath, w.token, `{"collection":{},"if_unchanged":`+old+`}`); got.status != 422 {
		t.Errorf("a new collection: %d %s", got.status, got.text)
	}
	statuses := map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			got := update(fmt.Sprint("at once ", i), old)
			mu.Lock()
			defer mu.Unlock()
			statuses[got.status]++
		})
	}
	all.Wait()
	if statuses[200] != 1 || statuses[412] != 19 {
		t.Errorf("got %v", statuses)
	}
	now := ask(t, w.Server, "GET", path, w.token, "").object
	if got := update("last", loaded(now)); got.status != 200 || got.object["name"] != "last" {
		t.Errorf("got %d %s", got.status, got.text)
	}
}
