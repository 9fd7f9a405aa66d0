// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// pages serves things t00, t01, … in pages of at most three, fewer than it is
// asked for, as API servers may.
func pages(t *testing.T, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var filters [][]string
		if err := json.Unmarshal([]byte(r.FormValue("filters")), &filters); err != nil {
			t.Error(err)
		}
		if !slices.Equal(filters[len(filters)-1], []string{"name", "=", "x"}) || r.FormValue("order") != `["uuid asc"]` {
			t.Errorf("asked for %v", r.Form)
		}
		var items []string
		for i := range n {
			uuid := fmt.Sprintf("t%02d", i)
			if (len(filters) == 1 || uuid > filters[0][2]) && len(items) < 3 {
				items = append(items, fmt.Sprintf(`{"uuid":%q}`, uuid))
			}
		}
		reply(200, `{"items":[`+strings.Join(items, ",")+`]}`)(w, r)
	}
}

func TestAll(t *testing.T) {
	for _, n := range []int{0, 1, 3, 7} {
		c, got := start(t, pages(t, n)), 0
		for item, err := range c.All(t.Context(), "things", api.Params{"filters": [][]any{{"name", "=", "x"}}}) {
			if want := fmt.Sprintf(`{"uuid":"t%02d"}`, got); err != nil || string(item) != want {
				t.Fatalf("got %s, %v, want %s", item, err, want)
			}
			got++
		}
		if got != n {
			t.Errorf("%d of %d items", got, n)
		}
	}
}

func TestAllStops(t *testing.T) {
	for range start(t, pages(t, 9)).All(t.Context(), "things", api.Params{"filters": [][]any{{"name", "=", "x"}}}) {
		break
	}
}

// TestAllHostile: a list that goes on for ever, or is none, ends with an error.
func TestAllHostile(t *testing.T) {
	for name, text := range map[string]string{
		"filters ignored": `{"items":[{"uuid":"a"},{"uuid":"b"}]}`,
		"not in order":    `{"items":[{"uuid":"b"},{"uuid":"a"}]}`,
		"no uuid":         `{"items":[{}]}`,
		"no items":        `{}`,
		"text":            `{"items":["a"]}`,
		"page":            `<html>`,
	} {
		var last error
		n := 0
		for _, err := range start(t, reply(200, text)).All(t.Context(), "things", nil) {
			last, n = err, n+1
		}
		if last == nil || n > 3 {
			t.Errorf("%s: %d items, %v", name, n, last)
		}
	}
	for _, err := range start(t, reply(200, `{"items":[]}`)).All(t.Context(), "things", api.Params{"filters": "[]"}) {
		if err == nil {
			t.Error("filters of the wrong type are ignored")
		}
	}
}
