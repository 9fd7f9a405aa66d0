// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestPropertiesSpoilNothing: what one user stores must not break the lists
// of those with whom it is shared.
func TestPropertiesSpoilNothing(t *testing.T) {
	w := newWorld(t)
	deep := strings.Repeat(`{"a":`, 1500) + "1" + strings.Repeat("}", 1500)
	for what, properties := range map[string]string{
		"plain": `{"colour":"red","n":12345678901234567890}`,
		"deep":  deep,
		"bytes": "{\"colour\":\"r\xff\"}",
	} {
		got := ask(t, w.Server, "POST", collectionsPath, w.token, `{"collection":{"properties":`+properties+`}}`)
		if what == "plain" && got.status != 200 || what == "deep" && got.status != 422 {
			t.Errorf("%s: %d %s", what, got.status, got.firstError())
		}
	}
	filters := url.QueryEscape(`[["properties.colour","=","red"]]`)
	got := ask(t, w.Server, "GET", collectionsPath+"?filters="+filters, w.adminToken, "")
	if got.status != 200 || len(got.uuids()) != 1 {
		t.Errorf("a filter on properties: %d %s", got.status, got.text)
	}
	got = ask(t, w.Server, "GET", collectionsPath, w.adminToken, "")
	if !utf8.ValidString(got.text) || !strings.Contains(got.text, "12345678901234567890") {
		t.Errorf("the list is not UTF-8, or has lost digits: %q", got.text)
	}
}

// TestManyFilters: SQLite takes only so many, which is no failure of the
// server, and clients would try again.
func TestManyFilters(t *testing.T) {
	w := newWorld(t)
	for n, want := range map[int]int{100: 200, 5000: 422} {
		one := `["name","=","a"],`
		filters := "[" + strings.TrimSuffix(strings.Repeat(one, n), ",") + "]"
		got := ask(t, w.Server, "GET", collectionsPath+"?filters="+url.QueryEscape(filters), w.token, "")
		if got.status != want {
			t.Errorf("%d filters: %d %s", n, got.status, got.firstError())
		}
		sel := "[" + strings.TrimSuffix(strings.Repeat(`"uuid",`, n), ",") + "]"
		if got := ask(t, w.Server, "GET", collectionsPath+"?select="+url.QueryEscape(sel), w.token, ""); got.status != 200 {
			t.Errorf("%d columns: %d %s", n, got.status, got.firstError())
		}
		order := "[" + strings.TrimSuffix(strings.Repeat(`"name",`, n), ",") + "]"
		if got := ask(t, w.Server, "GET", collectionsPath+"?order="+url.QueryEscape(order), w.token, ""); got.status != 200 {
			t.Errorf("%d terms of order: %d %s", n, got.status, got.firstError())
		}
		wanted := `{"a":[` + strings.TrimSuffix(strings.Repeat("1,", n), ",") + `]}`
		if got := ask(t, w.Server, "GET", collectionsPath+"?filters="+url.QueryEscape(`[["properties","contains",`+wanted+`]]`), w.token, ""); got.status != want {
			t.Errorf("%d values in contains: %d %s", n, got.status, got.firstError())
		}
	}
}

// TestFarFuture: times sort as text, so that a year of five digits must not
// come before this one.
func TestFarFuture(t *testing.T) {
	w := newWorld(t)
	const far = "9999-12-31T23:59:59-12:00"
	c := w.store(t, w.token, object{"name": "x", "trash_at": far})
	got := ask(t, w.Server, "GET", collectionsPath+"/"+c["uuid"].(string), w.token, "")
	if got.status != 200 || got.object["is_trashed"] != false {
		t.Errorf("a collection that is trashed at %s: %d %s", far, got.status, got.text)
	}
	at, err := time.Parse(time.RFC3339, far)
	if err != nil {
		t.Fatal(err)
	}
	token := w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID, ExpiresAt: at}).Reveal()
	if got := ask(t, w.Server, "GET", "/arvados/v1/users/current", token, ""); got.status != 200 {
		t.Errorf("a token that expires at %s: %d %s", far, got.status, got.text)
	}
}

// TestInactiveAdministrator has no more rights than others that are inactive.
func TestInactiveAdministrator(t *testing.T) {
	w := newWorld(t)
	c := w.store(t, w.token, object{"name": "x"})
	gone := w.user(t, UserSpec{Email: "gone@example.org", Admin: true})
	token := w.tokenFor(t, TokenSpec{UserUUID: gone.UUID}).Reveal()
	for status, token := range map[int]string{404: token, 200: w.adminToken} {
		if got := ask(t, w.Server, "GET", collectionsPath+"/"+c["uuid"].(string), token, ""); got.status != status {
			t.Errorf("reading: %d, want %d", got.status, status)
		}
	}
	for status, token := range map[int]string{403: token, 200: w.adminToken} {
		if got := ask(t, w.Server, "POST", "/arvados/v1/users", token, `{"user":{"email":"new`+fmt.Sprint(status)+`@example.org","is_admin":true,"is_active":true}}`); got.status != status {
			t.Errorf("adding an administrator: %d, want %d", got.status, status)
		}
	}
}

// TestSizesAddUp: the sizes of files do not overflow.
func TestSizesAddUp(t *testing.T) {
	w := newWorld(t)
	huge := ". acbd18db4cc2f85cedef654fccc4a4d8+9000000000000000000 0:9000000000000000000:f\n"
	got := ask(t, w.Server, "POST", collectionsPath, w.adminToken, body(t, object{"manifest_text": huge + strings.Replace(huge, ":f", ":g", 1)}))
	if got.status != 422 {
		t.Errorf("the files have %v bytes together", got.object["file_size_total"])
	}
	if got := ask(t, w.Server, "POST", collectionsPath, w.adminToken, body(t, object{"manifest_text": huge})); got.status != 200 {
		t.Errorf("one of them: %d %s", got.status, got.firstError())
	}
}

// TestLargeRequestsWait: many large manifests at once do not take all memory.
func TestLargeRequestsWait(t *testing.T) {
	w := newWorld(t)
	large := body(t, object{"description": strings.Repeat("x", maxBody)})
	post := func(text string) int {
		short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		r := httptest.NewRequest("POST", collectionsPath, strings.NewReader(text)).WithContext(short)
		r.Header.Set("Authorization", "Bearer "+w.token)
		return do(t, w.Server, r).status
	}
	for range maxLarge {
		w.large <- struct{}{}
	}
	if got := post(large); got != 503 {
		t.Errorf("a large one more: %d", got)
	}
	if got := post(body(t, object{})); got != 200 {
		t.Errorf("a small one: %d", got)
	}
	<-w.large
	for range 2 { // the first gives its place back
		if got := ask(t, w.Server, "POST", collectionsPath, w.token, large); got.status != 200 {
			t.Errorf("a large one that has a place: %d", got.status)
		}
	}
}
