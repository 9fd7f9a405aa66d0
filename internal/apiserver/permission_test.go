// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"testing"
)

// link shares head with tail, whoever may.
func (w *world) link(t *testing.T, name, tail, head string) {
	t.Helper()
	got := ask(t, w.Server, "POST", "/arvados/v1/links", w.adminToken,
		body(t, object{"link_class": "permission", "name": name, "tail_uuid": tail, "head_uuid": head}))
	if got.status != 200 {
		t.Fatalf("linking: %d %s", got.status, got.text)
	}
}

func (w *world) group(t *testing.T, spec GroupSpec) string {
	t.Helper()
	g, err := w.AddGroup(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return g.UUID
}

// TestLevels: each way to a collection gives the level of its weakest link,
// and no way leads through another user.
func TestLevels(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, w *world, project, made string)
		want    level
	}{
		"nothing":      {func(*testing.T, *world, string, string) {}, 0},
		"read":         {func(t *testing.T, w *world, _, made string) { w.link(t, "can_read", w.bob.UUID, made) }, canRead},
		"write":        {func(t *testing.T, w *world, _, made string) { w.link(t, "can_write", w.bob.UUID, made) }, canWrite},
		"manage":       {func(t *testing.T, w *world, _, made string) { w.link(t, "can_manage", w.bob.UUID, made) }, canManage},
		"project":      {func(t *testing.T, w *world, p, _ string) { w.link(t, "can_write", w.bob.UUID, p) }, canWrite},
		"weakest link": {func(t *testing.T, w *world, p, _ string) { throughGroup(t, w, "can_read", "can_manage", p) }, canRead},
		"weakest end":  {func(t *testing.T, w *world, p, _ string) { throughGroup(t, w, "can_manage", "can_write", p) }, canWrite},
		"strongest of two": {func(t *testing.T, w *world, p, made string) {
			throughGroup(t, w, "can_read", "can_read", p)
			w.link(t, "can_write", w.bob.UUID, made)
		}, canWrite},
		"circle": {func(t *testing.T, w *world, p, _ string) {
			one, two := w.group(t, GroupSpec{Name: "1"}), w.group(t, GroupSpec{Name: "2"})
			w.link(t, "can_manage", one, two)
			w.link(t, "can_manage", two, one)
			w.link(t, "can_manage", w.bob.UUID, one)
			w.link(t, "can_read", two, p)
		}, canRead},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			project := w.group(t, GroupSpec{Name: "outer", Class: "project", OwnerUUID: w.ann.UUID})
			inner := w.group(t, GroupSpec{Name: "inner", Class: "project", OwnerUUID: project})
			made := w.store(t, w.token, object{"owner_uuid": inner})["uuid"].(string)
			c.prepare(t, w, project, made)
			w.wantLevel(t, made, c.want)
		})
	}
}

func throughGroup(t *testing.T, w *world, member, access, head string) {
	t.Helper()
	g := w.group(t, GroupSpec{Name: "people"})
	w.link(t, member, w.bob.UUID, g)
	w.link(t, access, g, head)
}

// wantLevel tries what each level allows Bob to do with a collection.
func (w *world) wantLevel(t *testing.T, uuid string, want level) {
	t.Helper()
	bob := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID}).Reveal()
	third := w.user(t, UserSpec{Email: "third@example.org", Active: true})
	share := body(t, object{"link_class": "permission", "name": "can_read", "tail_uuid": third.UUID, "head_uuid": uuid})
	path := collectionsPath + "/" + uuid
	for _, c := range []struct {
		needs              level
		method, path, body string
	}{
		{canRead, "GET", path, ""},
		{canWrite, "PATCH", path, `{"description":"by Bob"}`},
		{canManage, "POST", "/arvados/v1/links", share},
		{canWrite, "DELETE", path, ""},
	} {
		got := ask(t, w.Server, c.method, c.path, bob, c.body)
		if allowed := got.status == 200; allowed != (want >= c.needs) || !allowed && got.status != 403 && got.status != 404 {
			t.Errorf("%s %s with level %d: %d %s", c.method, c.path, want, got.status, got.text)
		}
	}
}

// TestNoWayThroughUsers: a link to a user opens nothing, and can be made only
// past the API.
func TestNoWayThroughUsers(t *testing.T) {
	w := newWorld(t)
	made := w.store(t, w.token, object{})["uuid"].(string)
	now := w.now()
	if err := w.insert(context.Background(), w.db, "links", object{
		"uuid": w.newUUID(linkInfix), "owner_uuid": w.systemUUID(userInfix), "created_at": now, "modified_at": now,
		"link_class": "permission", "name": "can_manage", "tail_uuid": w.bob.UUID, "head_uuid": w.ann.UUID, "properties": "{}",
	}); err != nil {
		t.Fatal(err)
	}
	w.wantLevel(t, made, 0)
}

// TestMoving: whoever moves a collection must be able to write at both ends,
// not only to the collection.
func TestMoving(t *testing.T) {
	w := newWorld(t)
	bob := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID}).Reveal()
	from := w.group(t, GroupSpec{Name: "from", Class: "project", OwnerUUID: w.ann.UUID})
	to := w.group(t, GroupSpec{Name: "to", Class: "project", OwnerUUID: w.ann.UUID})
	path := collectionsPath + "/" + w.store(t, w.token, object{"owner_uuid": from})["uuid"].(string)
	move := func(to string, want int) {
		t.Helper()
		if got := ask(t, w.Server, "PATCH", path, bob, body(t, object{"owner_uuid": to})); got.status != want {
			t.Errorf("moving to %s: %d %s, want %d", to, got.status, got.text, want)
		}
	}
	w.link(t, "can_manage", w.bob.UUID, path[len(collectionsPath)+1:])
	move(from, 200) // is no move
	move(w.bob.UUID, 403)
	w.link(t, "can_write", w.bob.UUID, from)
	move(to, 403)
	move(from, 200)
	w.link(t, "can_write", w.bob.UUID, to)
	move(to, 200)
	move(w.bob.UUID, 200)
}

// TestGroupsAndLinks: what is refused, with positive controls.
func TestGroupsAndLinks(t *testing.T) {
	w := newWorld(t)
	project := w.group(t, GroupSpec{Name: "p", Class: "project", OwnerUUID: w.ann.UUID})
	people := w.group(t, GroupSpec{Name: "people"})
	w.link(t, "can_write", w.ann.UUID, people)
	made := w.store(t, w.token, object{"owner_uuid": project})["uuid"].(string)
	link := func(name, tail, head string) string {
		return body(t, object{"link_class": "permission", "name": name, "tail_uuid": tail, "head_uuid": head})
	}
	const groups, links = "/arvados/v1/groups", "/arvados/v1/links"
	for _, c := range []struct {
		method, path, token, body string
		status                    int
	}{
		{"POST", groups, w.token, `{"group":{"group_class":"project","name":"mine"}}`, 200},
		{"POST", groups, w.token, `{"group":{"group_class":"project","name":"mine"}}`, 422},
		{"POST", groups, w.token, `{"group":{"group_class":"project"}}`, 422},
		{"POST", groups, w.token, `{"group":{"group_class":"filter","name":"f"}}`, 403},
		{"POST", groups, w.token, `{"group":{"group_class":"role","name":"r"}}`, 403},
		{"POST", groups, w.adminToken, `{"group":{"group_class":"role","name":"r"}}`, 200},
		{"POST", groups, w.token, `{"group":{"group_class":"project","name":"x","owner_uuid":"` + w.bob.UUID + `"}}`, 403},
		{"POST", groups, w.token, `{"group":{"group_class":"project","name":"x","owner_uuid":"` + people + `"}}`, 403},
		{"PUT", groups + "/" + project, w.token, `{"group":{"name":"new","description":"d","properties":{"a":1}}}`, 200},
		{"PUT", groups + "/" + project, w.token, `{"group":{"owner_uuid":"` + w.bob.UUID + `"}}`, 422},
		{"PUT", groups + "/" + project, w.token, `{"group":{"name":""}}`, 422},
		{"PUT", groups + "/" + project, w.token, `{"group":{"name":"mine"}}`, 422},
		{"PUT", groups + "/" + people, w.token, `{"group":{"name":"ours"}}`, 403},
		{"DELETE", groups + "/" + people, w.token, "", 403},
		{"DELETE", groups + "/" + project, w.token, "", 422},
		{"POST", links, w.token, link("can_read", w.bob.UUID, made), 200},
		{"POST", links, w.token, link("can_read", w.bob.UUID, made), 200},
		{"POST", links, w.token, link("can_login", w.bob.UUID, made), 422},
		{"POST", links, w.token, `{"link":{"link_class":"tag","name":"x"}}`, 422},
		{"POST", links, w.token, link("can_read", "zzzzz-tpzed-aaaaaaaaaaaaaaa", made), 422},
		{"POST", links, w.token, link("can_manage", w.ann.UUID, people), 403},
		{"POST", links, w.token, link("can_manage", w.ann.UUID, w.bob.UUID), 403},
		{"POST", "/arvados/v1/users", w.token, `{"user":{"email":"x@example.org"}}`, 403},
		{"POST", "/arvados/v1/users", w.adminToken, `{"user":{"email":"x@example.org"}}`, 200},
	} {
		got := ask(t, w.Server, c.method, c.path, c.token, c.body)
		if got.status != c.status || got.status >= 400 && got.firstError() == "" {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, got.status, got.text, c.status)
		}
	}
	ask(t, w.Server, "PATCH", collectionsPath+"/"+made, w.token, `{"owner_uuid":"`+w.ann.UUID+`"}`)
	if got := ask(t, w.Server, "DELETE", groups+"/"+project, w.token, ""); got.status != 200 {
		t.Errorf("deleting an empty project: %d %s", got.status, got.text)
	}
}
