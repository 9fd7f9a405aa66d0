// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/apiserver"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// countingPeople can count collections. Alice may import from the bucket own,
// which no S3 server needs to have, but for closed/; Bob from own/bob/ too.
func countingPeople(t *testing.T, more string) *people {
	t.Helper()
	p := preparePeople(t)
	p.head = fmt.Sprintf("system_root_token: %s\n", p.api.SystemRootToken()) + p.head
	p.write(fmt.Sprintf(`access:
  - {url: "s3://shared/", endpoint: lab, mode: iam, import: {users: [%[1]s]}}
  - {url: "s3://shared/closed/", endpoint: lab, mode: iam}
  - {url: "s3://shared/bob/", endpoint: lab, mode: iam, import: {users: [%[1]s, %[2]s]}}
`, p.aliceUUID, p.bobUUID) + more)
	p.serve()
	return p
}

// collects stores a collection that records folders.
func (p *people) collects(token string, folders ...string) string {
	p.t.Helper()
	return p.arvados(http.MethodPost, "collections", token, map[string]any{"collection": map[string]any{
		"name": fmt.Sprint("uses ", number.Add(1)), "manifest_text": "", "properties": map[string]any{collection.PrefixesProperty: folders}}})["uuid"].(string)
}

func (p *people) uses(token, text string) (reply, string) {
	p.t.Helper()
	got := p.do(http.MethodGet, "/s3/uses?url="+url.QueryEscape(text), token, "")
	var uses importer.Uses
	if got.StatusCode != 200 {
		return got, got.Header.Get("X-Keep-Error")
	}
	if err := json.Unmarshal([]byte(got.body), &uses); err != nil {
		p.t.Fatal(err)
	}
	var all []string
	for _, f := range uses.Folders {
		all = append(all, fmt.Sprintf("%s %d/%d %d/%d", strings.TrimPrefix(f.Folder, "s3://"), f.Now.Visible, f.Now.All, f.Ever.Visible, f.Ever.All))
	}
	return got, strings.Join(all, ", ")
}

// TestUses: whoever may import learns how many collections there are, with
// those that they may not see, those in the trash and old versions. Nobody
// else learns anything.
func TestUses(t *testing.T) {
	p := countingPeople(t, "")
	own := p.collects(p.alice, "s3://shared/", "s3://shared/a/")
	p.collects(p.bob, "s3://shared/", "s3://shared/a/", "s3://shared/bob/")
	p.collects(p.bob, "s3://shared/", "s3://shared/odd%20%25%22/")
	p.collects(p.bob, "s3://other/")
	trashed := p.collects(p.bob, "s3://shared/", "s3://shared/a/")
	p.arvados(http.MethodDelete, "collections/"+trashed, p.bob, nil)
	p.arvados(http.MethodPatch, "collections/"+own, p.alice, map[string]any{"collection": map[string]any{"preserve_version": true}})
	p.arvados(http.MethodPatch, "collections/"+own, p.alice, map[string]any{"collection": map[string]any{"name": "changed"}})
	for _, row := range []struct{ what, token, url, want string }{
		{"a bucket", p.alice, "s3://shared/", "shared/ 1/3 2/5"},
		{"without its slash", p.alice, "s3://shared", "shared/ 1/3 2/5"},
		{"a folder", p.alice, "s3://shared/a/", "shared/a/ 1/2 2/4, shared/ 1/3 2/5"},
		{"an object", p.alice, "s3://shared/a/x", "shared/a/ 1/2 2/4, shared/ 1/3 2/5"},
		{"a version", p.alice, "s3://shared/a/x?versionId=1", "shared/a/ 1/2 2/4, shared/ 1/3 2/5"},
		{"an https URL", p.alice, "https://shared.s3.amazonaws.com/a/x", "shared/a/ 1/2 2/4, shared/ 1/3 2/5"},
		{"an odd folder", p.alice, `s3://shared/odd %25"/`, "shared/odd%20%25%22/ 0/1 0/1, shared/ 1/3 2/5"},
		{"nothing there", p.alice, "s3://shared/none/", "shared/none/ 0/0 0/0, shared/ 1/3 2/5"},
		{"a filter in the key", p.alice, `s3://shared/"],["uuid","like","%25"]]/`, "shared/%22%5D%2C%5B%22uuid%22%2C%22like%22%2C%22%25%22%5D%5D/ 0/0 0/0, shared/ 1/3 2/5"},
		{"parameters in the key", p.alice, "s3://shared/&limit=100&filters=[]/", "shared/%26limit%3D100%26filters%3D%5B%5D/ 0/0 0/0, shared/ 1/3 2/5"},
		{"bob's folder", p.bob, "s3://shared/bob/", "shared/bob/ 1/1 1/1"},
		{"bob elsewhere", p.bob, "s3://shared/", "bucket-not-allowed"},
		{"bob, an object elsewhere", p.bob, "s3://shared/a/x", "bucket-not-allowed"},
		{"bob, up from his folder", p.bob, "s3://shared/bob/../a/", "bucket-not-allowed"},
		{"a closed folder", p.alice, "s3://shared/closed/", "bucket-not-allowed"},
		{"in a closed folder", p.alice, "s3://shared/closed/x", "bucket-not-allowed"},
		{"no rule", p.alice, "s3://other/", "bucket-not-allowed"},
		{"a sharing link", p.link, "s3://shared/", "scope-needed"},
		{"an expired token", p.token(apiserver.TokenSpec{UserUUID: p.aliceUUID, ExpiresAt: time.Now().Add(-time.Hour)}), "s3://shared/", "token-refused"},
		{"no token", "", "s3://shared/", "no-token"},
		{"no URL", p.alice, "", "bad-request"},
		{"no S3 URL", p.alice, "http://shared/", "bad-request"},
		{"no bucket", p.alice, "s3:///a", "bad-request"},
		{"a broken escape", p.alice, "s3://shared/%zz/", "bad-request"},
		{"a fragment", p.alice, "s3://shared/a#b", "bad-request"},
	} {
		got, text := p.uses(row.token, row.url)
		if text != row.want {
			t.Errorf("%s: %q, want %q: %s", row.what, text, row.want, got.body)
		}
		if strings.Contains(got.body+p.log.String(), p.api.SystemRootToken()) {
			t.Fatalf("%s: the system root token is told", row.what)
		}
	}
	if got := p.do(http.MethodGet, "/s3/uses?url=s3://shared/&url=s3://other/", p.alice, ""); got.StatusCode != 400 {
		t.Errorf("two URLs: %d", got.StatusCode)
	}
	if got := p.do(http.MethodPost, "/s3/uses?url=s3://shared/", p.alice, ""); got.StatusCode != 405 {
		t.Errorf("POST: %d", got.StatusCode)
	}
	if len(p.s3()) != 0 {
		t.Errorf("S3 was asked %v", p.s3())
	}
}

// TestUsesAsksLittle: a folder costs four requests that bring no collection,
// and the answer is remembered for a moment. Those who are refused cost none.
func TestUsesAsksLittle(t *testing.T) {
	p := countingPeople(t, "")
	asked := func() (lists []string) {
		for _, r := range p.asked.Log() {
			if r.Path == "/arvados/v1/collections" {
				lists = append(lists, r.Query)
			}
		}
		return lists
	}
	p.uses(p.bob, "s3://shared/")
	p.uses(p.link, "s3://shared/")
	if got := asked(); len(got) != 0 {
		t.Errorf("those who are refused cost %q", got)
	}
	for range 3 {
		if _, text := p.uses(p.alice, "s3://shared/"); text != "shared/ 0/0 0/0" {
			t.Errorf("got %q", text)
		}
	}
	got := asked()
	for _, query := range got {
		if !strings.Contains(query, "limit=0") || !strings.Contains(query, "count=exact") {
			t.Errorf("asked %s", query)
		}
	}
	if len(got) != 4 {
		t.Errorf("asked %q", got)
	}
}

// TestUsesUnknown: what cannot be counted is an error, and never 0.
func TestUsesUnknown(t *testing.T) {
	p := countingPeople(t, "")
	lists := func(answer faultproxy.Action) {
		p.asked.Set(faultproxy.Rule{Path: regexp.MustCompile("^/arvados/v1/collections[?]"), Do: []faultproxy.Action{answer}})
	}
	for what, body := range map[string]string{"no number": `{"items":[]}`, "a negative number": `{"items_available":-1}`, "a page": "<html>"} {
		lists(faultproxy.Answer(200, body))
		if _, text := p.uses(p.alice, "s3://shared/"); text != "api-unavailable" {
			t.Errorf("%s: %q", what, text)
		}
	}
	p.forget()
	if _, text := p.uses(p.alice, "s3://shared/"); text != "shared/ 0/0 0/0" {
		t.Errorf("in the end: %q", text)
	}
	p.head = strings.Replace(p.head, p.api.SystemRootToken(), "notTheTokenOfThisClusterButLongEnoughForOne0000000", 1)
	p.change(fmt.Sprintf(`access: [{url: "s3://shared/", endpoint: lab, mode: iam, import: {users: [%s]}}]`, p.aliceUUID))
	if got, text := p.uses(p.alice, "s3://shared/"); text != "api-unavailable" || !strings.Contains(got.body, "system_root_token_file") {
		t.Errorf("a wrong system root token: %q", got.body)
	}
	_, rest, _ := strings.Cut(p.head, "\n")
	p.head = rest
	p.change(fmt.Sprintf(`access: [{url: "s3://shared/", endpoint: lab, mode: iam, import: {users: [%s]}}]`, p.aliceUUID))
	if got, text := p.uses(p.alice, "s3://shared/"); text != "disabled" || !strings.Contains(got.body, "system_root_token_file") {
		t.Errorf("no system root token: %q", got.body)
	}
}

// TestUsesByOwnRights: under mode token S3 decides by the caller's keys who
// may list, and so who learns the numbers.
func TestUsesByOwnRights(t *testing.T) {
	t.Parallel()
	lab := bucket(t, servers.MinIO(t))
	p := countingPeople(t, fmt.Sprintf("  - {url: \"s3://%s/\", endpoint: lab, mode: token}\n", lab))
	put(t, p.labServer, lab, "a/x", []byte("x"))
	alice, bob, carol := p.labServer.User(t, "usesalice"), p.labServer.User(t, "usesbob"), p.labServer.User(t, "usescarol")
	alice.AllowRead(t, lab, "")
	carol.AllowRead(t, lab, "a/")
	_, part := p.user("carol")
	p.record(part, lab, carol.AccessKey, carol.Secret())
	p.record(p.alice, lab, alice.AccessKey, alice.Secret())
	p.record(p.bob, lab, bob.AccessKey, bob.Secret())
	p.collects(p.bob, "s3://"+lab+"/", "s3://"+lab+"/a/")
	for what, row := range map[string]struct{ token, url, want string }{
		"alice may list":     {p.alice, "/a/x", lab + "/a/ 0/1 0/1, " + lab + "/ 0/1 0/1"},
		"carol, a part":      {part, "/a/x", lab + "/a/ 0/1 0/1"},
		"carol, all of it":   {part, "/", "s3-denied"},
		"bob may not":        {p.bob, "/a/x", "s3-denied"},
		"a sharing link":     {p.link, "/a/x", "scope-needed"},
		"somebody else":      {p.token(apiserver.TokenSpec{UserUUID: p.bobUUID, Scopes: []string{"GET /"}}), "/a/x", "scope-needed"},
		"alice, all of it":   {p.alice, "/", lab + "/ 0/1 0/1"},
		"bob, what is not":   {p.bob, "/none/", "s3-denied"},
		"alice, what is not": {p.alice, "/none/", lab + "/none/ 0/0 0/0, " + lab + "/ 0/1 0/1"},
	} {
		if got, text := p.uses(row.token, "s3://"+lab+row.url); text != row.want {
			t.Errorf("%s: %q, want %q: %s", what, text, row.want, got.body)
		}
	}
}
