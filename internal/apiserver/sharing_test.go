// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"slices"
	"testing"
)

// TestPermissionsOfAnObject: those who manage an object see and change who may
// do what with it, and nobody else.
func TestPermissionsOfAnObject(t *testing.T) {
	w := newWorld(t)
	made := w.store(t, w.token, object{})["uuid"].(string)
	other := w.store(t, w.token, object{})["uuid"].(string)
	w.link(t, "can_read", w.bob.UUID, made)
	w.link(t, "can_write", w.bob.UUID, other)
	bob := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID}).Reveal()
	const permissions, links = "/arvados/v1/permissions/", "/arvados/v1/links/"

	got := ask(t, w.Server, "GET", permissions+made, w.token, "")
	if got.status != 200 || len(got.uuids()) != 1 {
		t.Fatalf("Ann sees %d %s", got.status, got.text)
	}
	link := got.uuids()[0]
	for _, c := range []struct {
		method, path, token, body string
		status                    int
	}{
		{"GET", permissions + made, bob, "", 403},
		{"GET", permissions + made, w.adminToken, "", 200},
		{"GET", permissions + "zzzzz-4zz18-aaaaaaaaaaaaaaa", w.token, "", 403},
		{"PATCH", links + link, bob, `{"link":{"name":"can_manage"}}`, 403},
		{"PATCH", links + link, w.token, `{"link":{"name":"can_login"}}`, 422},
		{"PATCH", links + link, w.token, `{"link":{"name":null}}`, 422},
		{"PATCH", links + link, w.token, `{"link":{"head_uuid":"` + other + `"}}`, 422},
		{"PATCH", links + link, w.token, `{"link":{"properties":{"a":1}}}`, 422},
		{"PATCH", links + "zzzzz-o0j2j-aaaaaaaaaaaaaaa", w.token, `{"link":{"name":"can_write"}}`, 404},
		{"PUT", links + link, w.token, `{"link":{"name":"can_write","head_uuid":"` + made + `"}}`, 200},
	} {
		got := ask(t, w.Server, c.method, c.path, c.token, c.body)
		if got.status != c.status || got.status >= 400 && got.firstError() == "" {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, got.status, got.text, c.status)
		}
	}
	w.wantLevel(t, made, canWrite)
	w.link(t, "can_read", w.bob.UUID, made)
	if got := ask(t, w.Server, "PATCH", links+link, w.token, `{"link":{"name":"can_read"}}`); got.status != 422 {
		t.Errorf("two permissions alike: %d %s", got.status, got.text)
	}
}

// TestSharedGroups: what is shared with somebody are the projects of others,
// without those that lie in them.
func TestSharedGroups(t *testing.T) {
	w := newWorld(t)
	outer := w.group(t, GroupSpec{Name: "outer", Class: "project", OwnerUUID: w.ann.UUID})
	w.group(t, GroupSpec{Name: "inner", Class: "project", OwnerUUID: outer})
	hidden := w.group(t, GroupSpec{Name: "hidden", Class: "project", OwnerUUID: w.ann.UUID})
	deep := w.group(t, GroupSpec{Name: "deep", Class: "project", OwnerUUID: hidden})
	people := w.group(t, GroupSpec{Name: "people"})
	w.group(t, GroupSpec{Name: "own", Class: "project", OwnerUUID: w.bob.UUID})
	bob := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID}).Reveal()
	const shared = "/arvados/v1/groups/shared"
	if got := ask(t, w.Server, "GET", shared, bob, ""); got.status != 200 || len(got.uuids()) != 0 {
		t.Errorf("nothing is shared, but Bob sees %d %s", got.status, got.text)
	}
	w.link(t, "can_read", w.bob.UUID, people)
	w.link(t, "can_read", people, outer)
	w.link(t, "can_read", w.bob.UUID, deep)
	want := []string{outer, deep}
	slices.Sort(want)
	if got := ask(t, w.Server, "GET", shared, bob, ""); got.status != 200 || !slices.Equal(got.uuids(), want) {
		t.Errorf("Bob sees %d %s, want %q", got.status, got.text, want)
	}
	if got := ask(t, w.Server, "GET", shared, w.token, ""); got.status != 200 || len(got.uuids()) != 0 {
		t.Errorf("Ann owns all she sees: %d %s", got.status, got.text)
	}
}

// TestOldVersions: an old version is found by its own UUID and in lists that
// ask for it, cannot be changed, and is shared as the collection is.
func TestOldVersions(t *testing.T) {
	w := newWorld(t)
	made := w.store(t, w.token, object{"name": "one", "preserve_version": true})["uuid"].(string)
	path := collectionsPath + "/" + made
	if got := ask(t, w.Server, "PATCH", path, w.token, `{"collection":{"name":"two"}}`); got.status != 200 || got.object["version"] != 2.0 {
		t.Fatalf("the second version: %d %s", got.status, got.text)
	}
	if got := ask(t, w.Server, "PATCH", path, w.token, `{"collection":{"name":"three"}}`); got.status != 200 || got.object["version"] != 2.0 {
		t.Errorf("a change that nobody wants to keep: %d %s", got.status, got.text)
	}
	versions := collectionsPath + `?include_old_versions=true&order=version&filters=[["current_version_uuid","=","` + made + `"]]`
	got := ask(t, w.Server, "GET", versions, w.token, "")
	if len(got.uuids()) != 2 || got.uuids()[1] != made {
		t.Fatalf("the versions are %d %s", got.status, got.text)
	}
	old := collectionsPath + "/" + got.uuids()[0]
	if got := ask(t, w.Server, "GET", old, w.token, ""); got.object["name"] != "one" || got.object["version"] != 1.0 || got.object["current_version_uuid"] != made {
		t.Errorf("the first version is %d %s", got.status, got.text)
	}
	if got := ask(t, w.Server, "GET", collectionsPath, w.token, ""); !slices.Equal(got.uuids(), []string{made}) {
		t.Errorf("a plain list has %s", got.text)
	}
	if got := ask(t, w.Server, "PATCH", old, w.token, `{"collection":{"name":"x"}}`); got.status != 422 {
		t.Errorf("changing an old version: %d %s", got.status, got.text)
	}
	bob := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID}).Reveal()
	if got := ask(t, w.Server, "GET", old, bob, ""); got.status != 404 {
		t.Errorf("Bob sees %d %s", got.status, got.text)
	}
	w.link(t, "can_read", w.bob.UUID, made)
	if got := ask(t, w.Server, "GET", old, bob, ""); got.status != 200 {
		t.Errorf("Bob sees %d %s", got.status, got.text)
	}
	ask(t, w.Server, "DELETE", path, w.token, "")
	if got := ask(t, w.Server, "GET", old, w.token, ""); got.status != 404 {
		t.Errorf("of a trashed collection: %d %s", got.status, got.text)
	}
	if got := ask(t, w.Server, "POST", path+"/untrash", w.token, ""); got.status != 200 {
		t.Errorf("fetching it back: %d %s", got.status, got.text)
	}
	if got := ask(t, w.Server, "GET", old, w.token, ""); got.status != 200 {
		t.Errorf("after that: %d %s", got.status, got.text)
	}
}
