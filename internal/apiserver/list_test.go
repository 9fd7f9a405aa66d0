// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withGroups adds three groups, of which Ann is a member of two.
func withGroups(t *testing.T) (*world, []Group) {
	t.Helper()
	w, ctx := newWorld(t), context.Background()
	var groups []Group
	for _, name := range []string{"readers", "writers", "others"} {
		g, err := w.AddGroup(ctx, GroupSpec{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, g)
	}
	for _, g := range []Group{groups[0], groups[1], groups[1]} {
		if err := w.AddMember(ctx, g.UUID, w.ann.UUID); err != nil {
			t.Fatal(err)
		}
	}
	return w, groups
}

func sorted(uuids ...string) []string { slices.Sort(uuids); return uuids }

func TestWhoSeesWhat(t *testing.T) {
	w, g := withGroups(t)
	bob := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID}).Reveal()
	system := "zzzzz-tpzed-000000000000000"
	for _, c := range []struct {
		who, token, path string
		want             []string
	}{
		{"ann", w.token, "users", []string{w.ann.UUID}},
		{"admin", w.adminToken, "users", sorted(system, w.admin.UUID, w.ann.UUID, w.bob.UUID)},
		{"ann", w.token, "groups", sorted(g[0].UUID, g[1].UUID)},
		{"bob", bob, "groups", []string{}},
		{"admin", w.adminToken, "groups", sorted(g[0].UUID, g[1].UUID, g[2].UUID)},
		{"bob", bob, "links", []string{}},
	} {
		got := ask(t, w.Server, "GET", "/arvados/v1/"+c.path, c.token, "")
		if diff := cmp.Diff(c.want, got.uuids()); diff != "" {
			t.Errorf("%s lists %s:\n%s", c.who, c.path, diff)
		}
	}
	if got := ask(t, w.Server, "GET", "/arvados/v1/links", w.token, "").uuids(); len(got) != 2 {
		t.Errorf("Ann sees %d links, want 2", len(got))
	}
	if err := w.RemoveMember(context.Background(), g[0].UUID, w.ann.UUID); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, w.Server, "GET", "/arvados/v1/groups", w.token, "").uuids(); !slices.Equal(got, []string{g[1].UUID}) {
		t.Errorf("after leaving one group Ann sees %v", got)
	}
}

func TestFilters(t *testing.T) {
	w, _ := withGroups(t)
	for _, c := range []struct {
		filters string
		status  int
		want    int
	}{
		{`[]`, 200, 3},
		{`[["name","=","readers"]]`, 200, 1},
		{`[["name","!=","readers"]]`, 200, 2},
		{`[["name","in",["readers","writers","absent"]]]`, 200, 2},
		{`[["name","in",[]]]`, 200, 0},
		{`[["name","not in",["readers"]]]`, 200, 2},
		{`[["name",">=","readers"]]`, 200, 2},
		{`[["name","=","readers"],["group_class","=","project"]]`, 200, 0},
		{`[["description","=",null]]`, 200, 3},
		{`[["description","!=",null]]`, 200, 0},
		{`[["description","!=","x"]]`, 200, 3},
		{`[["created_at","<=","2026-01-01T13:00:00+01:00"]]`, 200, 3},
		{`[["created_at","<","2026-01-01T12:00:00Z"]]`, 200, 0},
		{`[["name","=","x' OR '1'='1"]]`, 200, 0},
		{`[["name; DROP TABLE users","=","x"]]`, 422, 0},
		{`[["colour","=","red"]]`, 422, 0},
		{`[["name","like","r%"]]`, 200, 1},
		{`[["name","like","R%"]]`, 200, 0},
		{`[["name","ilike","R%RS"]]`, 200, 1},
		{`[["name","like","_eaders"]]`, 200, 1},
		{`[["name","like","*eaders"]]`, 200, 0},
		{`[["name","like","\\_eaders"]]`, 200, 0},
		{`[["name","like",7]]`, 422, 0},
		{`[["created_at","like","2%"]]`, 422, 0},
		{`[["name","@@","readers"]]`, 422, 0},
		{`[["name","=",7]]`, 422, 0},
		{`[["name","in","readers"]]`, 422, 0},
		{`[["name","in",[["readers"]]]]`, 422, 0},
		{`[["properties","=","x"]]`, 422, 0},
		{`[["created_at","<","yesterday"]]`, 422, 0},
		{`[["name","="]]`, 422, 0},
		{`{"name":"x"}`, 422, 0},
		{`nonsense`, 422, 0},
	} {
		got := ask(t, w.Server, "GET", "/arvados/v1/groups?filters="+url.QueryEscape(c.filters), w.adminToken, "")
		if got.status != c.status || len(got.uuids()) != c.want {
			t.Errorf("filters %s: %d with %d items, want %d with %d: %s", c.filters, got.status, len(got.uuids()), c.status, c.want, got.firstError())
		}
		if c.status == 200 && got.object["items_available"] != float64(c.want) {
			t.Errorf("filters %s: items_available %v, want %d", c.filters, got.object["items_available"], c.want)
		}
	}
}

func TestFilterTypes(t *testing.T) {
	w := newWorld(t)
	for filters, want := range map[string]int{
		`[["is_admin","=",true]]`:         2,
		`[["is_admin","in",[false]]]`:     2,
		`[["full_name","=","Ada Admin"]]`: 1,
	} {
		got := ask(t, w.Server, "GET", "/arvados/v1/users?filters="+url.QueryEscape(filters), w.adminToken, "")
		if len(got.uuids()) != want {
			t.Errorf("users with %s: %d %d items, want %d", filters, got.status, len(got.uuids()), want)
		}
	}
	w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID, Scopes: []string{"GET /a", "GET /b"}})
	for filters, want := range map[string]int{
		`[["scopes","=",["GET /a","GET /b"]]]`:   1,
		`[["scopes","=",["GET /b","GET /a"]]]`:   0,
		`[["scopes","=",["GET /a"]]]`:            0,
		`[["scopes","=",[]]]`:                    0,
		`[["scopes","=",null]]`:                  0,
		`[["scopes","=","GET /a"]]`:              -1,
		`[["scopes","contains",["GET /a"]]]`:     1,
		`[["scopes","=",["x\"] OR 1=1 --",""]]]`: 0,
	} {
		got := ask(t, w.Server, "GET", "/arvados/v1/api_client_authorizations?filters="+url.QueryEscape(filters), w.adminToken, "")
		if len(got.uuids()) != max(0, want) || (got.status == 422) != (want < 0) {
			t.Errorf("tokens with %s: %d %d items, want %d", filters, got.status, len(got.uuids()), want)
		}
	}
	for filters, want := range map[string]int{
		`[["service_port","=",443]]`:        1,
		`[["service_type","!=","disk"]]`:    1,
		`[["service_ssl_flag","=",false]]`:  1,
		`[["uuid","in",["zzzzz-bi6l4-0"]]]`: 0,
	} {
		got := ask(t, w.Server, "GET", "/arvados/v1/keep_services?filters="+url.QueryEscape(filters), "", "")
		if len(got.uuids()) != want {
			t.Errorf("keep_services with %s: %d %d items, want %d", filters, got.status, len(got.uuids()), want)
		}
	}
}

func TestPages(t *testing.T) {
	w, _ := withGroups(t)
	all := ask(t, w.Server, "GET", "/arvados/v1/groups?order=name", w.adminToken, "").uuids()
	for query, want := range map[string][]string{
		"order=name+desc":                {all[2], all[1], all[0]},
		`order=["groups.name+asc"]`:      all,
		"order=name&limit=2":             all[:2],
		"order=name&limit=2&offset=2":    all[2:],
		"order=name&limit=0":             {},
		"order=name&limit=99999999":      all,
		`order=name&select=["uuid"]`:     all,
		"order=name&count=none&alt=json": all,
		`order=group_class,+name+desc`:   {all[2], all[1], all[0]},
	} {
		got := ask(t, w.Server, "GET", "/arvados/v1/groups?"+query, w.adminToken, "")
		if diff := cmp.Diff(want, got.uuids()); diff != "" {
			t.Errorf("%s: %d\n%s", query, got.status, diff)
		}
		if _, counted := got.object["items_available"]; counted == strings.Contains(query, "count=none") {
			t.Errorf("%s: items_available present: %v", query, counted)
		}
	}
	for _, query := range []string{
		"order=colour", "order=name+sideways", "limit=-1", "limit=x", "offset=1.5", "count=some",
		"select=uuid", `select=["colour"]`, "colour=red", "include_trash=true",
	} {
		if got := ask(t, w.Server, "GET", "/arvados/v1/groups?"+query, w.adminToken, ""); got.status != 422 || got.firstError() == "" {
			t.Errorf("%s: %d %s, want 422 with a sentence", query, got.status, got.text)
		}
	}
}

func TestSelectGivesNothingElse(t *testing.T) {
	w := newWorld(t)
	got := ask(t, w.Server, "GET", `/arvados/v1/users?select=["email"]`, w.token, "")
	want := []any{map[string]any{"kind": "arvados#user", "email": "ann@example.org"}}
	if diff := cmp.Diff(want, got.object["items"]); diff != "" {
		t.Error(diff)
	}
}

func TestAccessibleKeepServices(t *testing.T) {
	w := newWorld(t)
	for header, want := range map[string]string{"": "zzzzz-bi6l4-000000000000001", "1": "zzzzz-bi6l4-000000000000002"} {
		r := withHeader("/arvados/v1/keep_services/accessible", "X-External-Client", header)
		got := do(t, w.Server, r)
		if diff := cmp.Diff([]string{want}, got.uuids()); diff != "" {
			t.Errorf("X-External-Client %q:\n%s", header, diff)
		}
	}
	got := ask(t, w.Server, "GET", "/arvados/v1/keep_services/zzzzz-bi6l4-000000000000002", "", "")
	want := map[string]any{
		"kind": "arvados#keepService", "uuid": "zzzzz-bi6l4-000000000000002", "owner_uuid": "zzzzz-tpzed-000000000000000",
		"service_host": "keep.example.org", "service_port": 443.0, "service_ssl_flag": true, "service_type": "proxy", "read_only": false,
	}
	if diff := cmp.Diff(want, got.object); diff != "" {
		t.Error(diff)
	}
}

func TestLongQueryInABody(t *testing.T) {
	w, g := withGroups(t)
	form := url.Values{"filters": {`[["uuid","in",["` + g[2].UUID + strings.Repeat(`","x`, 5000) + `"]]]`}}
	for override, want := range map[string]int{"GET": 200, "": 422} {
		r := httptest.NewRequest("POST", "/arvados/v1/groups?alt=json", strings.NewReader(form.Encode()))
		r.Header.Set("Authorization", "Bearer "+w.adminToken)
		r.Header.Set("X-Http-Method-Override", override)
		got := do(t, w.Server, r)
		if got.status != want || (want == 200 && !slices.Equal(got.uuids(), []string{g[2].UUID})) {
			t.Errorf("override %q: %d %v, want %d", override, got.status, got.uuids(), want)
		}
	}
}

// TestContainsInProperty: [properties.key, contains, value] finds a property
// that is the value, and a list that has it, as stock Arvados does.
func TestContainsInProperty(t *testing.T) {
	w := newWorld(t)
	for name, properties := range map[string]object{
		"scalar": {"arv:p": "s3://b/"}, "list": {"arv:p": []any{"s3://b/", "s3://b/a/"}},
		"other": {"arv:p": []any{"s3://b/a/b/"}, "q": "s3://b/"}, "none": {},
	} {
		w.store(t, w.token, object{"name": name, "properties": properties})
	}
	for filter, want := range map[string]string{
		`["properties.arv:p","contains","s3://b/"]`:       "list scalar",
		`["properties.<arv:p>","contains","s3://b/a/"]`:   "list",
		`["properties.arv:p","contains","s3://b/a/b/c/"]`: "",
		`["properties.q","contains","s3://b/"]`:           "other",
		`["properties.q","contains",7]`:                   "",
	} {
		got := ask(t, w.Server, "GET", collectionsPath+"?filters="+url.QueryEscape("["+filter+"]"), w.token, "")
		var names []string
		items, _ := got.object["items"].([]any)
		for _, item := range items {
			names = append(names, item.(map[string]any)["name"].(string))
		}
		slices.Sort(names)
		if got.status != 200 || strings.Join(names, " ") != want {
			t.Errorf("%s: %d %v, want %s", filter, got.status, names, want)
		}
	}
	for _, operand := range []string{`null`, `["a"]`, `{"a":1}`} {
		if got := ask(t, w.Server, "GET", collectionsPath+"?filters="+url.QueryEscape(`[["properties.q","contains",`+operand+`]]`), w.token, ""); got.status != 422 {
			t.Errorf("%s: %d", operand, got.status)
		}
	}
}
