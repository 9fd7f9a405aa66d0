// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWholeRequests(t *testing.T) {
	w := newWorld(t)
	ann := "/arvados/v1/users/" + w.ann.UUID
	for _, c := range []struct {
		method, path, token, body string
		status                    int
		contains                  string
	}{
		{"GET", "/_health/ping", "", "", 200, `{"health":"OK"}`},
		{"GET", "/arvados/v1/config", "", "", 200, `"ClusterID":"zzzzz"`},
		{"GET", "/arvados/v1/config", "", "", 200, `"BlobSigningTTL":"336h0m0s"`},
		{"GET", currentUserPath, w.token, "", 200, `"full_name":"Ann van Dam"`},
		{"GET", currentUserPath, w.token, "", 200, `"last_name":"van Dam"`},
		{"GET", currentUserPath, w.token, "", 200, `"kind":"arvados#user"`},
		{"GET", currentUserPath, w.SystemRootToken(), "", 200, `"uuid":"zzzzz-tpzed-000000000000000"`},
		{"GET", currentTokenPath, w.SystemRootToken(), "", 200, `"owner_uuid":"zzzzz-tpzed-000000000000000"`},
		{"GET", currentTokenPath, w.token, "", 200, `"scopes":["all"]`},
		{"GET", currentTokenPath, w.token, "", 200, `"expires_at":null`},
		{"GET", ann, w.token, "", 200, w.ann.UUID},
		{"GET", ann, w.adminToken, "", 200, w.ann.UUID},
		{"GET", "/arvados/v1/users/" + w.bob.UUID, w.token, "", 404, "no user"},
		{"GET", ann, "", "", 401, "Not logged in"},
		{"GET", "/arvados/v1/links", "", "", 401, "Not logged in"},
		{"GET", "/arvados/v1/keep_services", "", "", 200, `"items_available":2`},
		{"GET", "/arvados/v1/nonsense", w.token, "", 404, `{"errors":["Path not found"]}`},
		{"GET", "/", "", "", 404, `{"errors":["Path not found"]}`},
		{"GET", ann + "/more", w.token, "", 404, `{"errors":["Path not found"]}`},
		{"GET", "//arvados/v1/users", w.token, "", 404, `{"errors":["Path not found"]}`},
		{"PUT", currentUserPath, w.token, "", 404, `{"errors":["Path not found"]}`},
		{"POST", tokensPath, w.token, "{", 422, "not a JSON object"},
		{"POST", tokensPath, w.token, `{"api_client_authorization":{"colour":"red"}}`, 422, "unknown name"},
		{"POST", tokensPath, w.token, `{"scopes":["some"]}`, 422, "scope"},
		{"POST", tokensPath, w.token, `{"scopes":["GET /x\nGET /"]}`, 422, "scope"},
		{"POST", tokensPath, w.token, strings.Repeat(" ", maxBody) + "{}", 413, "longer than"},
		{"POST", tokensPath, w.token, `{"owner_uuid":"` + w.bob.UUID + `"}`, 403, "administrator"},
		{"POST", tokensPath, w.adminToken, `{"owner_uuid":"zzzzz-tpzed-aaaaaaaaaaaaaaa"}`, 404, "no user"},
		{"DELETE", tokensPath + "/zzzzz-gj3su-aaaaaaaaaaaaaaa", w.adminToken, "", 404, "may see"},
	} {
		got := ask(t, w.Server, c.method, c.path, c.token, c.body)
		if got.status != c.status || !strings.Contains(got.text, c.contains) {
			t.Errorf("%s %s: %d %s; want %d with %q", c.method, c.path, got.status, got.text, c.status, c.contains)
		}
		if got.status >= 400 && got.firstError() == "" {
			t.Errorf("%s %s: status %d without a sentence", c.method, c.path, got.status)
		}
	}
}

func TestHeadBehavesAsGet(t *testing.T) {
	w := newWorld(t)
	ts := httptest.NewServer(w.Handler())
	defer ts.Close()
	for _, path := range []string{"/_health/ping", "/arvados/v1/nonsense", currentUserPath} {
		get, head := fetchHead(t, ts, "GET", path), fetchHead(t, ts, "HEAD", path)
		if diff := cmp.Diff(get, head); diff != "" {
			t.Errorf("%s: GET and HEAD differ:\n%s", path, diff)
		}
	}
}

func fetchHead(t *testing.T, ts *httptest.Server, method, path string) []string {
	t.Helper()
	req, err := http.NewRequest(method, ts.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := ts.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return []string{resp.Status, resp.Header.Get("Content-Length"), resp.Header.Get("Content-Type")}
}

func TestCreateAndDeleteTokens(t *testing.T) {
	w := newWorld(t)
	forms := map[string]string{
		"application/json":                  `{"api_client_authorization":{"scopes":["GET /"],"expires_at":"2026-01-02T00:00:00Z"}}`,
		"text/plain":                        `{"scopes":["GET /"],"expires_at":"2026-01-02T00:00:00Z"}`,
		"application/x-www-form-urlencoded": url.Values{"api_client_authorization": {`{"scopes":["GET /"],"expires_at":"2026-01-02T00:00:00Z"}`}}.Encode(),
	}
	for kind, body := range forms {
		r := httptest.NewRequest("POST", tokensPath, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Authorization", "Bearer "+w.token)
		made := do(t, w.Server, r)
		if made.status != 200 || made.object["expires_at"] != "2026-01-02T00:00:00.000000000Z" || made.object["owner_uuid"] != w.ann.UUID {
			t.Fatalf("%s: %d %s", kind, made.status, made.text)
		}
		uuid, secret := made.object["uuid"].(string), made.object["api_token"].(string)
		token := "v2/" + uuid + "/" + secret
		if got := ask(t, w.Server, "GET", currentUserPath, token, ""); got.status != 200 {
			t.Errorf("%s: the new token gives %d, want 200", kind, got.status)
		}
		bobs := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID}).Reveal()
		if got := ask(t, w.Server, "DELETE", tokensPath+"/"+uuid, bobs, ""); got.status != 404 {
			t.Errorf("%s: another user deletes it: %d, want 404", kind, got.status)
		}
		if got := ask(t, w.Server, "DELETE", tokensPath+"/"+uuid, w.token, ""); got.status != 200 || strings.Contains(got.text, secret) {
			t.Errorf("%s: delete: %d, want 200 without the secret", kind, got.status)
		}
		if got := ask(t, w.Server, "GET", currentUserPath, token, ""); got.status != 401 {
			t.Errorf("%s: the deleted token gives %d, want 401", kind, got.status)
		}
	}
	got := ask(t, w.Server, "POST", tokensPath, w.adminToken, `{"owner_uuid":"`+w.bob.UUID+`"}`)
	if got.status != 200 || got.object["owner_uuid"] != w.bob.UUID {
		t.Errorf("an administrator makes a token for Bob: %d %s", got.status, got.text)
	}
}

func TestInactiveUser(t *testing.T) {
	w := newWorld(t)
	idle := w.user(t, UserSpec{Email: "idle@example.org"})
	token := w.tokenFor(t, TokenSpec{UserUUID: idle.UUID}).Reveal()
	if got := ask(t, w.Server, "GET", currentUserPath, token, ""); got.status != 200 || got.object["is_active"] != false {
		t.Errorf("current user: %d %s", got.status, got.text)
	}
	if got := ask(t, w.Server, "POST", tokensPath, token, "{}"); got.status != 403 {
		t.Errorf("create a token: %d, want 403", got.status)
	}
}

func TestCORS(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"OPTIONS", currentUserPath, 200}, {"OPTIONS", "/anything", 200}, {"GET", currentUserPath, 401}, {"GET", "/_health/ping", 200},
	} {
		got := ask(t, w.Server, c.method, c.path, "", "")
		if got.status != c.status || got.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: %d, headers %v", c.method, c.path, got.status, got.header)
		}
		if !strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("%s %s does not allow the Authorization header", c.method, c.path)
		}
	}
}

// TestDiscoveryDescribesAllRoutes asks every method of the document that
// needs no body, as a client library would.
func TestDiscoveryDescribesAllRoutes(t *testing.T) {
	w := newWorld(t)
	doc := ask(t, w.Server, "GET", discoveryPath, "", "")
	if doc.object["pseudoBlocks"] != true || doc.object["blobSignatureTtl"] != 1209600.0 || doc.object["uuidPrefix"] != "zzzzz" {
		t.Fatalf("discovery document: %s", doc.text)
	}
	var parsed struct {
		BaseURL   string
		Schemas   map[string]any
		Resources map[string]struct {
			Methods map[string]struct {
				Path, HTTPMethod string
				Parameters       map[string]any
				Response         struct {
					Ref string `json:"$ref"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(doc.text), &parsed); err != nil {
		t.Fatal(err)
	}
	asked := []string{}
	for resource, r := range parsed.Resources {
		for action, m := range r.Methods {
			asked = append(asked, resource+"."+action)
			if parsed.Schemas[m.Response.Ref] == nil {
				t.Errorf("%s.%s answers with %q, which the document does not describe", resource, action, m.Response.Ref)
			}
			if m.HTTPMethod != "GET" || strings.Contains(m.Path, "{") {
				continue
			}
			if got := ask(t, w.Server, "GET", parsed.BaseURL+m.Path, w.token, ""); got.status != 200 {
				t.Errorf("%s.%s: status %d, want 200", resource, action, got.status)
			}
		}
	}
	slices.Sort(asked)
	want := []string{
		"api_client_authorizations.create", "api_client_authorizations.current", "api_client_authorizations.delete",
		"api_client_authorizations.get", "api_client_authorizations.list",
		"collections.create", "collections.delete", "collections.get", "collections.list", "collections.trash", "collections.untrash", "collections.update",
		"configs.get",
		"credentials.create", "credentials.delete", "credentials.get", "credentials.list", "credentials.secret", "credentials.update",
		"groups.create", "groups.delete", "groups.get", "groups.list", "groups.shared", "groups.update",
		"keep_services.accessible", "keep_services.get", "keep_services.list",
		"links.create", "links.delete", "links.get", "links.get_permissions", "links.list", "links.update", "users.create", "users.current", "users.get", "users.list",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("methods:\n%s", diff)
	}
}
