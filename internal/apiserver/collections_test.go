// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

const (
	collectionsPath = "/arvados/v1/collections"
	foo             = "acbd18db4cc2f85cedef654fccc4a4d8+3"
	reference       = "+10+BczM6Ly9idWNrZXQtYS9kYXRhL29uZS5iYW0_dmVyc2lvbklkPXYx+C0"
)

// text returns a manifest of one file that is the block.
func text(block string) string {
	l, _ := locator.Parse(block)
	return fmt.Sprintf(". %s 0:%d:f\n", block, l.Size())
}

func mustParse(t testing.TB, block string) locator.Locator {
	t.Helper()
	l, err := locator.Parse(block)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// signed signs a block for a token for one hour.
func (w *world) signed(t testing.TB, block, token string) string {
	t.Helper()
	return w.signer.Sign(mustParse(t, block), token, w.clock.now().Add(time.Hour)).String()
}

func body(t testing.TB, attributes object) string {
	t.Helper()
	text, err := json.Marshal(attributes)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// store creates a collection and returns it.
func (w *world) store(t *testing.T, token string, attributes object) map[string]any {
	t.Helper()
	got := ask(t, w.Server, "POST", collectionsPath, token, body(t, attributes))
	if got.status != 200 {
		t.Fatalf("creating %v: %d %s", attributes, got.status, got.text)
	}
	return got.object
}

// TestWhoMayStoreABlock: a signature over the identity, for this token, that
// has not expired; administrators need none.
func TestWhoMayStoreABlock(t *testing.T) {
	w := newWorld(t)
	opaque := "ffffffffffffffffffffffffffffffff" + reference
	derived := string(mustParse(t, opaque).Identity()) + reference
	overConstant := w.signer.Sign(mustParse(t, "ffffffffffffffffffffffffffffffff+10"), w.token, w.clock.now().Add(time.Hour)).Signature()
	v1 := w.token[strings.LastIndex(w.token, "/")+1:]
	good := w.signed(t, foo, w.token)
	for _, c := range []struct {
		name, token, block string
		status             int
	}{
		{"signed", w.token, good, 200},
		{"not signed", w.token, foo, 403},
		{"administrator", w.adminToken, foo, 200},
		{"system", w.SystemRootToken(), foo, 200},
		{"signed for another token", w.token, w.signed(t, foo, w.adminToken), 403},
		{"signed for the other spelling of the token", w.token, w.signed(t, foo, v1), 403},
		{"expired", w.token, w.signer.Sign(mustParse(t, foo), w.token, w.clock.now().Add(-time.Second)).String(), 403},
		{"another hash", w.token, strings.Replace(good, "acbd", "acbe", 1), 403},
		{"empty", w.token, locator.Empty, 200},
		{"remote only", w.token, foo + "+Rzzzzz-" + strings.Repeat("0", 40) + "@7fffffff", 403},
		{"opaque", w.token, w.signed(t, opaque, w.token), 200},
		{"derived", w.token, w.signed(t, derived, w.token), 200},
		{"opaque with the signature of another extent", w.token, strings.Replace(w.signed(t, opaque, w.token), "+C0", "+C1", 1), 403},
		{"opaque, signed over its constant hash", w.token, mustParse(t, opaque).WithSignature(overConstant).String(), 403},
		{"derived, edited", w.adminToken, strings.Replace(derived, "+C0", "+C1", 1), 422},
		{"opaque without its reference", w.adminToken, "ffffffffffffffffffffffffffffffff+10", 422},
		{"no locator", w.adminToken, foo + "+z", 422},
	} {
		got := ask(t, w.Server, "POST", collectionsPath, c.token, body(t, object{"manifest_text": ". " + c.block + " 0:0:f\n"}))
		if got.status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, got.status, got.text, c.status)
		}
		if got.status >= 400 && regexp.MustCompile(`[0-9a-f]{40}`).MatchString(got.text) {
			t.Errorf("%s: the error shows a signature: %s", c.name, got.text)
		}
	}
}

// TestSignedForTheReader: stored without signatures, given with those of the
// token that asks, for as long as the collection lives.
func TestSignedForTheReader(t *testing.T) {
	w := newWorld(t)
	opaque := "ffffffffffffffffffffffffffffffff" + reference
	ends := w.clock.now().Add(36 * time.Hour)
	for name, want := range map[string]time.Time{"lasting": w.clock.now().Add(w.signer.TTL()), "ending": ends} {
		attributes := object{"name": name, "manifest_text": ". " + w.signed(t, opaque, w.token) + " " + w.signed(t, foo, w.token) + " 0:13:f\n"}
		if name == "ending" {
			attributes["trash_at"] = ends
		}
		made := w.store(t, w.token, attributes)
		for _, token := range []string{w.token, w.adminToken} {
			got := ask(t, w.Server, "GET", collectionsPath+"/"+made["uuid"].(string), token, "").object
			tokens := strings.Fields(got["manifest_text"].(string))
			for i, block := range []string{opaque, foo} {
				l := mustParse(t, tokens[1+i])
				if l.Unsigned().String() != block || w.signer.Verify(l, token, w.clock.now()) != nil || !l.Signature().Expiry().Equal(want) {
					t.Errorf("%s: got %s with expiry %v, want %s until %v", name, l.Unsigned(), l.Signature().Expiry(), block, want)
				}
			}
		}
	}
	var kept string
	if err := w.db.QueryRow(`SELECT manifest_text FROM collections LIMIT 1`).Scan(&kept); err != nil || strings.Contains(kept, "+A") {
		t.Errorf("stored is %q, %v", kept, err)
	}
}

// TestPortableDataHash: opaque and derived spelling have one hash, two extents
// have two, and a hash gives only what its owner shared.
func TestPortableDataHash(t *testing.T) {
	w := newWorld(t)
	opaque := "ffffffffffffffffffffffffffffffff" + reference
	derived := string(mustParse(t, opaque).Identity()) + reference
	other := strings.Replace(opaque, "+C0", "+C10", 1)
	hash := map[string]string{}
	for name, block := range map[string]string{"opaque": opaque, "derived": derived, "other": other} {
		made := w.store(t, w.token, object{"manifest_text": text(w.signed(t, block, w.token))})
		hash[name] = made["portable_data_hash"].(string)
		want, err := manifest.PDH(text(block))
		if err != nil || want != hash[name] {
			t.Errorf("%s: got %s, want %s, %v", name, hash[name], want, err)
		}
	}
	if hash["opaque"] != hash["derived"] || hash["opaque"] == hash["other"] {
		t.Errorf("hashes %v", hash)
	}
	bob := w.tokenFor(t, TokenSpec{UserUUID: w.bob.UUID}).Reveal()
	for path, want := range map[string]int{hash["other"]: 200, hash["other"] + "+Zhint": 200, hash["other"] + "1": 404, hash["other"][:32]: 404} {
		if got := ask(t, w.Server, "GET", collectionsPath+"/"+url.PathEscape(path), w.token, ""); got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
	got := ask(t, w.Server, "GET", collectionsPath+"/"+hash["other"], bob, "")
	if got.status != 404 {
		t.Errorf("Bob gets %d", got.status)
	}
}

// TestManifestLimits: manifests may be longer than other requests, but not
// without limit, and not before the caller is known.
func TestManifestLimits(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("./"+strings.Repeat("d", 250)+" "+locator.Empty+" 0:0:f\n", 8000)
	made := w.store(t, w.token, object{"manifest_text": long})
	if made["file_count"] != 1.0 {
		t.Errorf("counted %v files", made["file_count"])
	}
	if got := ask(t, w.Server, "POST", collectionsPath, w.token, strings.Repeat(" ", maxRequestSize)+"{}"); got.status != 413 {
		t.Errorf("too long: %d, want 413", got.status)
	}
	if got := ask(t, w.Server, "POST", collectionsPath, "", strings.Repeat(" ", maxRequestSize)+"{}"); got.status != 401 {
		t.Errorf("too long and unknown: %d, want 401", got.status)
	}
}

// TestTrashEmpties: what was trashed can be had back until its time is over.
func TestTrashEmpties(t *testing.T) {
	w := newWorld(t)
	made := w.store(t, w.token, object{"name": "x", "preserve_version": true})
	path := collectionsPath + "/" + made["uuid"].(string)
	if got := ask(t, w.Server, "PATCH", path, w.token, `{"name":"y"}`); got.object["version"] != 2.0 {
		t.Fatalf("%d %s", got.status, got.text)
	}
	if got := ask(t, w.Server, "POST", path+"/trash", w.token, ""); got.object["is_trashed"] != true {
		t.Fatalf("%d %s", got.status, got.text)
	}
	all := collectionsPath + "?include_trash=true&include_old_versions=true"
	if got := ask(t, w.Server, "GET", all, w.token, "").uuids(); len(got) != 2 {
		t.Errorf("the trash holds %v", got)
	}
	for _, c := range []struct{ method, path, body string }{{"PATCH", path, `{"name":"z"}`}, {"DELETE", path, ""}, {"GET", path, ""}} {
		if got := ask(t, w.Server, c.method, c.path, w.token, c.body); got.status != 404 {
			t.Errorf("%s of a trashed collection: %d, want 404", c.method, got.status)
		}
	}
	w.clock.advance(trashLifetime - time.Minute)
	if got := ask(t, w.Server, "POST", path+"/untrash", w.token, ""); got.status != 200 || got.object["trash_at"] != nil || got.object["delete_at"] != nil {
		t.Fatalf("untrash: %d %s", got.status, got.text)
	}
	ask(t, w.Server, "DELETE", path, w.token, "")
	w.clock.advance(trashLifetime)
	if got := ask(t, w.Server, "POST", path+"/untrash", w.token, ""); got.status != 404 {
		t.Errorf("after its time: %d, want 404", got.status)
	}
	// The next change removes the rows, old versions too.
	ask(t, w.Server, "PATCH", collectionsPath+"/"+w.store(t, w.token, object{})["uuid"].(string), w.token, `{"name":"other"}`)
	var rows int
	if err := w.db.QueryRow(`SELECT count(*) FROM collections`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows are left, %v", rows, err)
	}
}

// TestOlderFolder: a folder from before collections and credentials were kept
// gets them.
func TestOlderFolder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{DataDir: dir})
	u, err := s.CreateUser(t.Context(), UserSpec{Email: "ann@example.org", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.CreateToken(t.Context(), TokenSpec{UserUUID: u.UUID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Exec(`DROP TABLE collections; DROP TABLE credentials; DELETE FROM schema_version WHERE version > 1`); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, s, "POST", collectionsPath, token.Reveal(), `{}`); got.status != 503 {
		t.Fatalf("without the table: %d %s", got.status, got.text)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{DataDir: dir})
	for path, attributes := range map[string]string{collectionsPath: `{}`, credentialsPath: body(t, sound())} {
		if got := ask(t, s, "POST", path, token.Reveal(), attributes); got.status != 200 {
			t.Errorf("%s after opening it again: %d %s", path, got.status, got.text)
		}
	}
}

// TestUniqueNames: of many at once, each gets a name of its own.
func TestUniqueNames(t *testing.T) {
	w := newWorld(t)
	var group sync.WaitGroup
	names := make([]any, 20)
	for i := range names {
		group.Go(func() {
			r := httptest.NewRequest("POST", collectionsPath+"?ensure_unique_name=true", strings.NewReader(`{"collection":{"name":"same"}}`))
			r.Header.Set("Authorization", "Bearer "+w.token)
			rec := httptest.NewRecorder()
			w.Handler().ServeHTTP(rec, r)
			var made map[string]any
			_ = json.Unmarshal(rec.Body.Bytes(), &made) // told below
			names[i] = made["name"]
		})
	}
	group.Wait()
	seen := map[any]bool{}
	for _, name := range names {
		if text, ok := name.(string); !ok || !strings.HasPrefix(text, "same") || seen[name] {
			t.Errorf("name %v is no name or not unique", name)
		}
		seen[name] = true
	}
	if !seen["same"] {
		t.Error("nobody got the name itself")
	}
}

// TestCollectionRequests: what is refused, with a positive control.
func TestCollectionRequests(t *testing.T) {
	w := newWorld(t)
	idle := w.tokenFor(t, TokenSpec{UserUUID: w.user(t, UserSpec{Email: "idle@example.org"}).UUID}).Reveal()
	scoped := w.tokenFor(t, TokenSpec{UserUUID: w.ann.UUID, Scopes: []string{"GET " + collectionsPath + "/"}}).Reveal()
	made := w.store(t, w.token, object{"name": "a"})
	path := collectionsPath + "/" + made["uuid"].(string)
	for _, c := range []struct {
		method, path, token, body string
		status                    int
	}{
		{"POST", collectionsPath, w.token, `{"collection":{"name":"b","trash_at":"2026-01-02T00:00:00Z"},"ensure_unique_name":true,"select":["uuid"]}`, 200},
		{"POST", collectionsPath, w.token, `{"collection":{"colour":"red"}}`, 422},
		{"POST", collectionsPath, w.token, `{"collection":{"uuid":"zzzzz-4zz18-000000000000000"}}`, 422},
		{"POST", collectionsPath, w.token, `{"collection":{"name":7}}`, 422},
		{"POST", collectionsPath, w.token, `{"collection":{"properties":[1]}}`, 422},
		{"POST", collectionsPath, w.token, `{"collection":{"properties":null,"storage_classes_desired":null,"replication_desired":null}}`, 200},
		{"POST", collectionsPath, w.token, `{"collection":{"storage_classes_desired":["a",2]}}`, 422},
		{"POST", collectionsPath, w.token, `{"collection":{"trash_at":"tomorrow"}}`, 422},
		{"POST", collectionsPath, w.token, `{"collection":{"replication_desired":-1}}`, 422},
		{"POST", collectionsPath, w.token, `{"collection":{"portable_data_hash":"d41d8cd98f00b204e9800998ecf8427e+0"}}`, 422},
		{"POST", collectionsPath, w.token, `{"collection":{},"replace_files":{}}`, 422},
		{"POST", collectionsPath, w.token, `{"collection":{},"ensure_unique_name":"perhaps"}`, 422},
		{"POST", collectionsPath, w.token, `{"collection":{"owner_uuid":"` + w.bob.UUID + `"}}`, 403},
		{"POST", collectionsPath, w.adminToken, `{"collection":{"owner_uuid":"` + w.bob.UUID + `"}}`, 200},
		{"POST", collectionsPath, w.adminToken, `{"collection":{"owner_uuid":"zzzzz-tpzed-aaaaaaaaaaaaaaa"}}`, 403},
		{"POST", collectionsPath, idle, `{}`, 403},
		{"POST", collectionsPath, scoped, `{}`, 403},
		{"GET", path, scoped, "", 200},
		{"GET", path, "", "", 401},
		{"GET", path + "?include_trash=perhaps", w.token, "", 422},
		{"GET", path + "?select=" + url.QueryEscape(`["nothing"]`), w.token, "", 422},
		{"GET", path + "/more", w.token, "", 404},
		{"POST", path + "/untrash", w.token, `{"name":"x"}`, 422},
		{"PUT", path, w.token, `{"name":"b"}`, 422},
		{"PUT", path, w.token, `{"name":"c"}`, 200},
		{"GET", collectionsPath + "?include_trash=perhaps", w.token, "", 422},
		{"GET", "/arvados/v1/groups?include_trash=true", w.token, "", 422},
		{"GET", collectionsPath + "?order=manifest_text", w.token, "", 422},
		{"GET", collectionsPath + "?filters=" + url.QueryEscape(`[["properties","contains",{"a":{"b":1}}]]`), w.token, "", 422},
		{"GET", collectionsPath + "?filters=" + url.QueryEscape(`[["properties","contains",null]]`), w.token, "", 422},
		{"GET", collectionsPath + "?filters=" + url.QueryEscape(`[["storage_classes_desired","=","x"]]`), w.token, "", 422},
		{"GET", collectionsPath + "?filters=" + url.QueryEscape(`[["properties.<http://x.y/z>","=","'; DROP TABLE collections; --"]]`), w.token, "", 200},
	} {
		got := ask(t, w.Server, c.method, c.path, c.token, c.body)
		if got.status != c.status || got.status >= 400 && got.firstError() == "" {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, got.status, got.text, c.status)
		}
	}
}

// BenchmarkManifest stores and fetches a collection of a million files as a
// user does, whose signatures are checked and made again.
func BenchmarkManifest(b *testing.B) {
	s, err := Open(Options{DataDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c := &caller{presented: "v2/zzzzz-gj3su-000000000000000/secret"}
	var out strings.Builder
	w := manifest.NewWriter(&out)
	for i := range 1_000_000 {
		l := mustParse(b, fmt.Sprintf("%032x+67108864", i))
		if err := w.Add(fmt.Sprintf("dir%04d/file %07d", i/1000, i), l.Size(), []locator.Locator{s.signer.Sign(l, c.presented, time.Now().Add(time.Hour))}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	text := out.String()
	b.Run("accept", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := s.acceptManifest(c, text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			if err := s.signManifest(c, object{"manifest_text": text}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
