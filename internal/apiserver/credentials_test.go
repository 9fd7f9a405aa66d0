// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	credentialsPath = "/arvados/v1/credentials"
	theSecret       = "wJalrXUtnFEMI-K7MDENG-bPxRfiCY"
)

// sound is a record that every rule allows, with changes.
func sound(changes ...object) object {
	record := object{
		"name": "keys", "description": "of the lab", "credential_class": "arv:aws_access_key", "scopes": []string{"s3://bucket"},
		"external_id": "AKIAEXAMPLE", "secret": theSecret, "expires_at": "2026-02-01T00:00:00Z",
	}
	for _, c := range changes {
		maps.Copy(record, c)
	}
	return record
}

// keep creates a record and returns its UUID.
func (w *world) keep(t *testing.T, token string, changes ...object) string {
	t.Helper()
	got := ask(t, w.Server, "POST", credentialsPath, token, body(t, object{"credential": sound(changes...)}))
	if got.status != 200 {
		t.Fatalf("creating a credential: %d %s", got.status, got.text)
	}
	return got.object["uuid"].(string)
}

// query writes parameters for a URL.
func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}

func TestCredentialLife(t *testing.T) {
	w := newWorld(t)
	uuid := w.keep(t, w.token)
	path := credentialsPath + "/" + uuid
	got := ask(t, w.Server, "GET", path, w.token, "")
	want := map[string]any{
		"kind": "arvados#credential", "uuid": uuid, "owner_uuid": "zzzzz-tpzed-000000000000000", "modified_by_user_uuid": w.ann.UUID,
		"name": "keys", "description": "of the lab", "credential_class": "arv:aws_access_key", "external_id": "AKIAEXAMPLE",
		"expires_at": "2026-02-01T00:00:00.000000000Z",
	}
	for name, value := range want {
		if got.object[name] != value {
			t.Errorf("%s is %v, want %v", name, got.object[name], value)
		}
	}
	if _, shown := got.object["secret"]; shown || fmt.Sprint(got.object["scopes"]) != "[s3://bucket]" || !strings.Contains(uuid, "-oss07-") {
		t.Errorf("the record is %s", got.text)
	}
	link := ask(t, w.Server, "GET", "/arvados/v1/links"+query("filters", `[["head_uuid","=","`+uuid+`"]]`), w.token, "")
	for _, part := range []string{`"name":"can_manage"`, `"tail_uuid":"` + w.ann.UUID, `"items_available":1`} {
		if !strings.Contains(link.text, part) {
			t.Errorf("the link is %s, without %s", link.text, part)
		}
	}
	got = ask(t, w.Server, "PATCH", path, w.token, `{"credential":{"description":null,"scopes":["s3://*"],"secret":"other"}}`)
	if got.status != 200 || got.object["description"] != nil || fmt.Sprint(got.object["scopes"]) != "[s3://*]" || strings.Contains(got.text, "other") {
		t.Errorf("after the change: %d %s", got.status, got.text)
	}
	if got = ask(t, w.Server, "DELETE", path, w.token, ""); got.status != 200 || got.object["uuid"] != uuid {
		t.Errorf("deleting: %d %s", got.status, got.text)
	}
	if got = ask(t, w.Server, "GET", path, w.adminToken, ""); got.status != 404 {
		t.Errorf("after deleting: %d", got.status)
	}
	if got = ask(t, w.Server, "GET", "/arvados/v1/links", w.adminToken, ""); strings.Contains(got.text, uuid) {
		t.Errorf("links to it are left: %s", got.text)
	}
}

// TestCredentialRules has Arvados' rules, each on both sides.
func TestCredentialRules(t *testing.T) {
	w := newWorld(t)
	for i, c := range []struct {
		change object
		status int
		text   string
	}{
		{object{}, 200, ""},
		{object{"name": "keys 0"}, 422, "RecordNotUnique"},
		{object{"name": nil}, 422, "name can't be blank"},
		{object{"name": " \t"}, 422, "name can't be blank"},
		{object{"credential_class": nil}, 422, "credential_class can't be blank"},
		{object{"external_id": ""}, 422, "external_id can't be blank"},
		{object{"secret": ""}, 422, "secret can't be blank"},
		{object{"expires_at": nil}, 422, "expires_at can't be blank"},
		{object{"expires_at": "tomorrow"}, 422, "expires_at must be a time"},
		{object{"expires_at": "2026-02-01T00:00:00+00:00Z"}, 200, ""},
		{object{"expires_at": 5}, 422, "expires_at must be a time"},
		{object{"description": nil}, 200, ""},
		{object{"credential_class": "aws_access_key"}, 422, "conflicts"},
		{object{"credential_class": "arv:aws_iam_role"}, 422, "not implemented"},
		{object{"credential_class": "arv:"}, 422, "not implemented"},
		{object{"credential_class": "aws_iam_role", "external_id": "no ARN", "scopes": []string{"anything"}}, 200, ""},
		{object{"credential_class": "basic_auth", "scopes": nil}, 200, ""},
		{object{"scopes": []string{}}, 422, "scopes can't be blank"},
		{object{"scopes": nil}, 422, "scopes can't be blank"},
		{object{"scopes": []string{"s3://*"}}, 200, ""},
		{object{"scopes": []string{"s3://a.b-c", "s3://0bc"}}, 200, ""},
		{object{"scopes": []string{"s3://ok1", "s3://No"}}, 422, "scope"},
		{object{"scopes": []string{"s3://bucket/prefix"}}, 422, "scope"},
		{object{"scopes": []string{"s3://bucket\n"}}, 422, "scope"},
		{object{"scopes": []string{"s3://ab"}}, 422, "scope"},
		{object{"scopes": []string{"s3://" + strings.Repeat("a", 63)}}, 200, ""},
		{object{"scopes": []string{"s3://" + strings.Repeat("a", 64)}}, 422, "scope"},
		{object{"scopes": []string{"all"}}, 422, "scope"},
		{object{"scopes": "s3://bucket"}, 422, "list of texts"},
		{object{"scopes": []any{"s3://bucket", 5}}, 422, "list of texts"},
		{object{"scopes": []any{"s3://bucket", nil}}, 422, "list of texts"},
		{object{"name": []string{"x"}}, 422, "must be text"},
		{object{"secret": 12}, 422, "must be text"},
		{object{"secret": strings.Repeat("x", maxCredentialText)}, 200, ""},
		{object{"secret": strings.Repeat("x", maxCredentialText+1)}, 422, "longer"},
		{object{"uuid": "zzzzz-oss07-000000000000000"}, 422, "no attribute"},
		{object{"created_at": "2026-02-01T00:00:00Z"}, 422, "no attribute"},
		{object{"owner_uuid": w.ann.UUID}, 200, ""},
		{object{"owner_uuid": w.bob.UUID}, 403, "only an administrator"},
	} {
		changes := []object{{"name": fmt.Sprintf("keys %d", i)}, c.change}
		got := ask(t, w.Server, "POST", credentialsPath, w.token, body(t, object{"credential": sound(changes...)}))
		if got.status != c.status || !strings.Contains(got.firstError(), c.text) {
			t.Errorf("%v: %d %s, want %d with %q", c.change, got.status, got.text, c.status, c.text)
		}
		if strings.Contains(got.text, theSecret) {
			t.Errorf("%v: the answer shows the secret", c.change)
		}
	}
}

// TestCredentialUpdateRules: a record must be whole after each change.
func TestCredentialUpdateRules(t *testing.T) {
	w := newWorld(t)
	uuid := w.keep(t, w.token)
	w.keep(t, w.token, object{"name": "taken"})
	for _, c := range []struct {
		attrs  string
		status int
		text   string
	}{
		{`{}`, 200, ""},
		{`{"name":"taken"}`, 422, "RecordNotUnique"},
		{`{"name":""}`, 422, "name can't be blank"},
		{`{"secret":null}`, 422, "secret can't be blank"},
		{`{"scopes":[]}`, 422, "scopes can't be blank"},
		{`{"credential_class":"basic_auth","scopes":[]}`, 200, ""},
		{`{"credential_class":"arv:aws_access_key"}`, 422, "scopes can't be blank"},
		{`{"owner_uuid":"` + w.ann.UUID + `"}`, 422, "permission links"},
		{`{"owner_uuid":"zzzzz-tpzed-000000000000000"}`, 200, ""},
		{`{"colour":"red"}`, 422, "no attribute"},
	} {
		got := ask(t, w.Server, "PUT", credentialsPath+"/"+uuid, w.token, `{"credential":`+c.attrs+`}`)
		if got.status != c.status || !strings.Contains(got.firstError(), c.text) {
			t.Errorf("%s: %d %s, want %d with %q", c.attrs, got.status, got.text, c.status, c.text)
		}
	}
}

// TestCredentialPermissions: what each level lets Bob do with Ann's record.
func TestCredentialPermissions(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, w *world, uuid string)
		want    level
	}{
		"nothing":       {func(*testing.T, *world, string) {}, 0},
		"read":          {func(t *testing.T, w *world, uuid string) { w.link(t, "can_read", w.bob.UUID, uuid) }, canRead},
		"write":         {func(t *testing.T, w *world, uuid string) { w.link(t, "can_write", w.bob.UUID, uuid) }, canWrite},
		"manage":        {func(t *testing.T, w *world, uuid string) { w.link(t, "can_manage", w.bob.UUID, uuid) }, canManage},
		"group":         {func(t *testing.T, w *world, uuid string) { throughGroup(t, w, "can_read", "can_manage", uuid) }, canRead},
		"group manages": {func(t *testing.T, w *world, uuid string) { throughGroup(t, w, "can_manage", "can_manage", uuid) }, canManage},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			uuid := w.keep(t, w.token)
			c.prepare(t, w, uuid)
			w.wantCredentialLevel(t, uuid, c.want)
		})
	}
}

func (w *world) wantCredentialLevel(t *testing.T, uuid string, want level) {
	t.Helper()
	bob := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID}).Reveal()
	third := w.user(t, UserSpec{Email: "third@example.org", Active: true})
	share := body(t, object{"link_class": "permission", "name": "can_read", "tail_uuid": third.UUID, "head_uuid": uuid})
	path := credentialsPath + "/" + uuid
	listed := ask(t, w.Server, "GET", credentialsPath, bob, "")
	if got := slices.Contains(listed.uuids(), uuid); got != (want >= canRead) || strings.Contains(listed.text, theSecret) {
		t.Errorf("level %d: the list is %s", want, listed.text)
	}
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

// TestCredentialCallers: who may create at all.
func TestCredentialCallers(t *testing.T) {
	w := newWorld(t)
	inactive := w.user(t, UserSpec{Email: "in@example.org"})
	for name, c := range map[string]struct {
		token  string
		change object
		status int
	}{
		"user":            {w.token, object{}, 200},
		"admin for Ann":   {w.adminToken, object{"owner_uuid": w.ann.UUID}, 200},
		"admin for none":  {w.adminToken, object{"owner_uuid": "zzzzz-tpzed-aaaaaaaaaaaaaaa"}, 404},
		"system":          {w.SystemRootToken(), object{}, 200},
		"inactive":        {w.tokenFor(t, TokenSpec{UserUUID: inactive.UUID}).Reveal(), object{}, 403},
		"other scope":     {w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID, Scopes: []string{"GET /"}}).Reveal(), object{}, 403},
		"no such token":   {"v2/zzzzz-gj3su-aaaaaaaaaaaaaaa/x", object{}, 401},
		"nobody":          {"", object{}, 401},
		"matching scopes": {w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID, Scopes: []string{"POST " + credentialsPath, "GET " + credentialsPath}}).Reveal(), object{}, 200},
	} {
		got := ask(t, w.Server, "POST", credentialsPath, c.token, body(t, sound(object{"name": name}, c.change)))
		if got.status != c.status {
			t.Errorf("%s: %d %s, want %d", name, got.status, got.text, c.status)
		}
	}
	seen := ask(t, w.Server, "GET", credentialsPath+query("select", `["name"]`, "order", "name"), w.token, "")
	if !strings.Contains(seen.text, "admin for Ann") || strings.Contains(seen.text, `"system"`) {
		t.Errorf("Ann sees %s", seen.text)
	}
}

// TestCredentialLists: filters, order, select and pages, as the clients of
// Arvados ask for them.
func TestCredentialLists(t *testing.T) {
	w := newWorld(t)
	one := w.keep(t, w.token, object{"name": "1", "scopes": []string{"s3://one", "s3://two"}})
	all := w.keep(t, w.token, object{"name": "2", "scopes": []string{"s3://*"}, "expires_at": "2026-01-01T12:04:00Z"})
	role := w.keep(t, w.token, object{"name": "3", "credential_class": "aws_iam_role", "scopes": []string{"s3://one"}})
	w.keep(t, w.adminToken, object{"name": "4", "scopes": []string{"s3://one"}})
	for filters, want := range map[string][]string{
		`[]`:                                 {one, all, role},
		`[["scopes","contains","s3://one"]]`: {one, role},
		`[["scopes","contains",["s3://one","s3://two"]]]`:                              {one},
		`[["scopes","contains","s3://on"]]`:                                            {},
		`[["scopes","contains","s3://*"]]`:                                             {all},
		`[["credential_class","=","arv:aws_access_key"]]`:                              {one, all},
		`[["credential_class","in",["arv:aws_access_key","aws_iam_role"]]]`:            {one, all, role},
		`[["expires_at",">","2026-01-01T12:05:00.123456+00:00Z"]]`:                     {one, role},
		`[["expires_at",">","2026-01-01T12:05:00Z"],["scopes","contains","s3://one"]]`: {one, role},
		`[["name","=","3"]]`: {role},
		`[["uuid","=","` + one + `"],["external_id","like","AKIA%"]]`:                      {one},
		`[["scopes","contains","x\" OR 1 --"]]`:                                            {},
		`[["credential_class","=","arv:aws_access_key"],["scopes","contains","s3://two"]]`: {one},
	} {
		got := ask(t, w.Server, "GET", credentialsPath+query("filters", filters, "order", "name asc"), w.token, "")
		if got.status != 200 || !slices.Equal(got.uuids(), want) {
			t.Errorf("%s: %d %v %s, want %v", filters, got.status, got.uuids(), got.firstError(), want)
		}
	}
	for _, bad := range []string{
		`[["scopes","=","s3://one"]]`, `[["scopes","contains",5]]`, `[["scopes","contains",null]]`, `[["scopes","contains",[]]]`,
		`[["scopes.x","contains","y"]]`, `[["any","=","y"]]`, `[["scopes","contains",[` + strings.Repeat(`"x",`, 500) + `"x"]]]`,
	} {
		if got := ask(t, w.Server, "GET", credentialsPath+query("filters", bad), w.token, ""); got.status != 422 || got.firstError() == "" {
			t.Errorf("%.60s: %d %.200s", bad, got.status, got.text)
		}
	}
	page := ask(t, w.Server, "GET", credentialsPath+query("limit", "1", "offset", "1", "order", `["name desc"]`), w.token, "")
	if !slices.Equal(page.uuids(), []string{all}) || page.object["items_available"] != 3.0 {
		t.Errorf("a page: %s", page.text)
	}
}

// TestSecretIsInNoQuery: nobody learns of a secret by asking for what matches.
func TestSecretIsInNoQuery(t *testing.T) {
	w := newWorld(t)
	uuid := w.keep(t, w.token)
	for _, c := range []struct {
		query, text string
	}{
		{query("filters", `[["secret","=","`+theSecret+`"]]`), "Cannot filter on 'secret'"},
		{query("filters", `[["secret","like","w%"]]`), "Cannot filter on 'secret'"},
		{query("filters", `[["name","=","x"],["credentials.secret","!=",null]]`), ""},
		{query("filters", `[["secret.x","exists","a"]]`), "Cannot filter on 'secret'"},
		{query("order", "secret"), "Cannot order by 'secret'"},
		{query("order", `["credentials.secret desc"]`), "Cannot order by 'secret'"},
		{query("select", `["uuid","secret"]`), "Cannot select 'secret'"},
	} {
		for _, token := range []string{w.token, w.adminToken, w.SystemRootToken()} {
			got := ask(t, w.Server, "GET", credentialsPath+c.query, token, "")
			if c.text == "" && got.status != 422 || c.text != "" && (got.status != 403 || got.firstError() != c.text) || strings.Contains(got.text, theSecret) {
				t.Errorf("%s: %d %s, want %q", c.query, got.status, got.text, c.text)
			}
		}
	}
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		got := ask(t, w.Server, method, credentialsPath+"/"+uuid+query("select", `["secret"]`), w.token, "")
		if got.status != 403 || strings.Contains(got.text, theSecret) {
			t.Errorf("%s selects the secret: %d %s", method, got.status, got.text)
		}
	}
	if got := ask(t, w.Server, "GET", credentialsPath+"/"+uuid+query("select", `["name"]`), w.token, ""); got.object["name"] != "keys" || got.object["scopes"] != nil {
		t.Errorf("selecting the name: %s", got.text)
	}
	if got := ask(t, w.Server, "GET", "/arvados/v1/collections"+query("order", "secret"), w.token, ""); got.status != 422 {
		t.Errorf("collections by secret: %d %s", got.status, got.text)
	}
}

// TestCredentialsOutliveTheServer: what is stored is there after a restart.
func TestCredentialsOutliveTheServer(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{DataDir: dir})
	record := body(t, sound(object{"expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}))
	if got := ask(t, s, "POST", credentialsPath, s.SystemRootToken(), record); got.status != 200 {
		t.Fatal(got.text)
	}
	s.Close()
	again := open(t, Options{DataDir: dir})
	if got := ask(t, again, "GET", credentialsPath, again.SystemRootToken(), ""); len(got.uuids()) != 1 {
		t.Errorf("after a restart: %s", got.text)
	}
}
