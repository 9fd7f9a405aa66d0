// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// shared makes a collection of alice's with one file for each object, lets bob
// read it, and returns the locators that the API server gives him and her.
func (p *people) shared(objects map[string]locator.Object, size int) (alice, bob map[string]string) {
	p.t.Helper()
	var lines, names []string
	for name, o := range objects {
		l := p.locator(pseudoblock.Extent{Object: o, Size: int64(size)}, pseudoblock.Derived, p.alice)
		lines = append(lines, fmt.Sprintf(". %s 0:%d:%s\n", l, size, name))
		names = append(names, name)
	}
	made := p.arvados(http.MethodPost, "collections", p.alice, map[string]any{"collection": map[string]any{"manifest_text": strings.Join(lines, "")}})
	uuid := made["uuid"].(string)
	p.share(p.alice, "can_read", p.bobUUID, uuid)
	read := func(token string) map[string]string {
		text := p.arvados(http.MethodGet, "collections/"+uuid, token, nil)["manifest_text"].(string)
		all := map[string]string{}
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			all[fields[2][strings.LastIndex(fields[2], ":")+1:]] = fields[1]
		}
		if len(all) != len(names) {
			p.t.Fatalf("the collection has the files %v, want %v", all, names)
		}
		return all
	}
	return read(p.alice), read(p.bob)
}

// TestOwnKeys: two users share one collection on two servers, and each reads
// exactly what S3 grants to their keys.
func TestOwnKeys(t *testing.T) {
	t.Parallel()
	lab, gw := bucket(t, servers.MinIO(t)), bucket(t, servers.Versitygw(t))
	p := newPeople(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: token}\n  - {url: \"s3://%s/\", endpoint: gw, mode: token}\n", lab, gw))
	objects := map[string]locator.Object{}
	for _, prefix := range []string{"a", "b"} {
		objects["lab-"+prefix] = put(t, p.labServer, lab, prefix+"/x", []byte("lab-"+prefix))
		objects["gw--"+prefix] = put(t, p.gwServer, gw, prefix+"/x", []byte("gw--"+prefix))
	}
	alice, bob := p.shared(objects, 5)
	la, lb, ga, gb := p.labServer.User(t, "alice"), p.labServer.User(t, "bob"), p.gwServer.User(t, "alice"), p.gwServer.User(t, "bob")
	la.AllowRead(t, lab, "a/")
	lb.AllowRead(t, lab, "b/")
	ga.AllowRead(t, gw, "")
	gb.AllowRead(t, gw, "b/")
	p.record(p.alice, lab, la.AccessKey, la.Secret())
	p.record(p.alice, gw, ga.AccessKey, ga.Secret())
	p.record(p.bob, lab, lb.AccessKey, lb.Secret())
	p.record(p.bob, gw, gb.AccessKey, gb.Secret())
	for _, row := range []struct {
		file     string
		token    string
		locators map[string]string
		may      bool
		key      string
	}{
		{"lab-a", p.alice, alice, true, la.AccessKey}, {"lab-b", p.alice, alice, false, la.AccessKey},
		{"gw--a", p.alice, alice, true, ga.AccessKey}, {"gw--b", p.alice, alice, true, ga.AccessKey},
		{"lab-a", p.bob, bob, false, lb.AccessKey}, {"lab-b", p.bob, bob, true, lb.AccessKey},
		{"gw--a", p.bob, bob, false, gb.AccessKey}, {"gw--b", p.bob, bob, true, gb.AccessKey},
	} {
		what := fmt.Sprintf("%s with the key %s", row.file, row.key)
		if !row.may {
			got := p.reads(what, row.locators[row.file], row.token, 403, "s3-denied", row.key)
			if !strings.Contains(got.body, "credential record") {
				t.Errorf("%s: the error does not say whose rights were used: %s", what, got.body)
			}
			continue
		}
		if got := p.reads(what, row.locators[row.file], row.token, 200, "", row.key); got.body != row.file {
			t.Errorf("%s: %q", what, got.body)
		}
	}
	p.silentFor("a sharing link", p.linked(objects["lab-a"], 5), p.link, 403, "scope-needed")
	p.silentFor("a sharing link and no signature", p.whole(objects["lab-a"], 5), p.link, 400, "bad-signature")
}

// linked is the locator of a whole object as alice's sharing link gets it.
func (p *people) linked(o locator.Object, size int) string {
	p.t.Helper()
	return p.locator(pseudoblock.Extent{Object: o, Size: int64(size)}, pseudoblock.Derived, p.link)
}

// silentFor checks a refusal, by GET and HEAD, before any S3 server is asked.
func (p *people) silentFor(what, l, token string, status int, word string) reply {
	p.t.Helper()
	var got reply
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		p.forget()
		got = p.do(method, "/"+l, token, "")
		if got.StatusCode != status || got.Header.Get("X-Keep-Error") != word {
			p.t.Errorf("%s by %s: got %d %s %q, want %d %s", what, method, got.StatusCode, got.Header.Get("X-Keep-Error"), got.body, status, word)
		}
		if log := p.s3(); len(log) > 0 {
			p.t.Errorf("%s by %s: S3 was asked %v", what, method, log)
		}
	}
	return got
}

// TestOwnRoles: the same in mode role on a server that knows this keepstore's
// issuer, with a second server in mode token in the same collection.
func TestOwnRoles(t *testing.T) {
	t.Parallel()
	const own = "own-roles"
	gw := bucket(t, servers.Versitygw(t))
	p := newRoles(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: own, mode: role, role: \"ROLE\"}\n  - {url: \"s3://%s/\", endpoint: gw, mode: token}\n", own, gw))
	p.ownServer.Bucket(t, own, true)
	p.grantOwn(map[string]string{p.aliceUUID: own + "/a/", p.bobUUID: own + "/b/"})
	objects := map[string]locator.Object{
		"own-a": put(t, p.ownServer, own, "a/one", []byte("own-a")), "own-b": put(t, p.ownServer, own, "b/two", []byte("own-b")),
		"gw-a": put(t, p.gwServer, gw, "a/one", []byte("-gw-a")),
	}
	alice, bob := p.shared(objects, 5)
	ga := p.gwServer.User(t, "alice")
	ga.AllowRead(t, gw, "a/")
	p.record(p.alice, gw, ga.AccessKey, ga.Secret())
	for _, row := range []struct {
		file, token, user string
		locators          map[string]string
		may               bool
	}{
		{"own-a", p.alice, p.aliceUUID, alice, true}, {"own-b", p.alice, p.aliceUUID, alice, false},
		{"own-a", p.bob, p.bobUUID, bob, false}, {"own-b", p.bob, p.bobUUID, bob, true},
		{"own-a", p.alice, p.aliceUUID, alice, true},
	} {
		p.forget()
		got := p.get(row.locators[row.file], row.token)
		if row.may && (got.StatusCode != 200 || got.body != row.file) || !row.may && (got.StatusCode != 403 || got.Header.Get("X-Keep-Error") != "s3-denied") {
			t.Errorf("%s for %s: %d %q", row.file, row.user, got.StatusCode, got.body)
		}
		log := p.own.Log()
		if len(log) != 1 || p.sessions.user(log[0].AccessKey) != row.user {
			t.Errorf("%s for %s: S3 was asked %v with the key of %q", row.file, row.user, log, p.sessions.user(log[0].AccessKey))
		}
	}
	p.reads("gw with alice's own keys", alice["gw-a"], p.alice, 200, "", ga.AccessKey)
	if got := p.silentFor("gw without a record", bob["gw-a"], p.bob, 403, "creds-missing"); !strings.Contains(got.body, "credential record") {
		t.Errorf("the error does not say what is missing: %q", got.body)
	}
	p.silentFor("a sharing link", p.linked(objects["own-a"], 5), p.link, 403, "scope-needed")
}

// TestWarmReadsInEveryMode: the golden trace. A warm read makes one S3
// request, and asks neither the API server nor the STS.
func TestWarmReadsInEveryMode(t *testing.T) {
	t.Parallel()
	lab, open, blanket := bucket(t, servers.MinIO(t)), bucket(t, servers.MinIO(t)), bucket(t, servers.MinIO(t))
	const own = "warm"
	p := newRoles(t, fmt.Sprintf(`access:
  - {url: "s3://%s/", endpoint: lab, mode: token}
  - {url: "s3://%s/", endpoint: lab, mode: anonymous}
  - {url: "s3://%s/", endpoint: lab, mode: iam}
  - {url: "s3://%s/", endpoint: own, mode: role, role: "ROLE"}
`, lab, open, blanket, own))
	p.ownServer.Bucket(t, own, true)
	p.grantOwn(map[string]string{p.aliceUUID: own + "/"})
	makePublic(t, p.labServer, open)
	user := p.labServer.User(t, "alice")
	user.AllowRead(t, lab, "")
	p.record(p.alice, lab, user.AccessKey, user.Secret())
	for mode, o := range map[string]locator.Object{
		"token": put(t, p.labServer, lab, "a key", []byte("0123456789")), "anonymous": put(t, p.labServer, open, "a key", []byte("0123456789")),
		"iam": put(t, p.labServer, blanket, "a key", []byte("0123456789")), "role": put(t, p.ownServer, own, "a key", []byte("0123456789")),
	} {
		for _, form := range []pseudoblock.Form{pseudoblock.Opaque, pseudoblock.Derived} {
			l := p.locator(pseudoblock.Extent{Object: o, Offset: 2, Size: 5}, form, p.alice)
			p.get(l, p.alice) // warms
			p.forget()
			got := p.get(l, p.alice)
			want := fmt.Sprintf("GET /%s/a%%20key?versionId=%s range=bytes=2-6", o.Bucket, o.VersionID)
			if log := p.s3(); got.StatusCode != 200 || got.body != "23456" || len(log) != 1 || log[0].String() != want {
				t.Errorf("mode %s, %s: %d %q, S3 was asked %v, want %s", mode, form, got.StatusCode, got.body, log, want)
			}
			head := p.do(http.MethodHead, "/"+l, p.alice, "")
			if log := p.s3(); head.StatusCode != 200 || head.ContentLength != 5 || len(log) != 2 {
				t.Errorf("mode %s, %s: HEAD gave %d, and S3 was asked %v", mode, form, head.StatusCode, log)
			}
			if log := p.others(); len(log) != 0 {
				t.Errorf("mode %s, %s: warm reads asked %v", mode, form, log)
			}
		}
	}
}

// TestImportWithOwnRights is I-01: who may not list gets no locator, and who
// may gets locators that read back.
func TestImportWithOwnRights(t *testing.T) {
	t.Parallel()
	lab := bucket(t, servers.MinIO(t))
	p := newPeople(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: token}\n", lab))
	put(t, p.labServer, lab, "a/one", []byte("one"))
	put(t, p.labServer, lab, "b/two", []byte("two"))
	user := p.labServer.User(t, "alice")
	user.AllowRead(t, lab, "a/")
	p.record(p.alice, lab, user.AccessKey, user.Secret())
	p.forget()
	got := p.imports(p.alice, fmt.Sprintf(`{"sources":[{"url":"s3://%s/a/"}]}`, lab))
	if got.done == nil || len(got.files) != 1 {
		t.Fatalf("alice imports her prefix: %d %q", got.StatusCode, got.body)
	}
	for _, r := range p.s3() {
		if r.AccessKey != user.AccessKey {
			t.Errorf("S3 was asked %v with the key %s", r, r.AccessKey)
		}
	}
	p.reads("what was imported", got.files[0].Locator, p.alice, 200, "", user.AccessKey)
	for _, url := range []string{"/b/", "/", "/b/two"} {
		denied := p.imports(p.alice, fmt.Sprintf(`{"sources":[{"url":"s3://%s%s"}]}`, lab, url))
		if len(denied.files) != 0 || strings.Contains(denied.body, "+A") || !strings.Contains(denied.body, "s3-denied") {
			t.Errorf("alice imports %s: %d %q", url, denied.StatusCode, denied.body)
		}
	}
	p.forget()
	if got := p.imports(p.bob, fmt.Sprintf(`{"sources":[{"url":"s3://%s/a/"}]}`, lab)); !strings.Contains(got.body, "creds-missing") || len(p.s3()) != 0 {
		t.Errorf("bob, who has no record: %d %q, S3 was asked %v", got.StatusCode, got.body, p.s3())
	}
}

// TestRequesterPays: the header goes out for rules that say so, with the keys
// of the caller, and for no others.
func TestRequesterPays(t *testing.T) {
	t.Parallel()
	paid, free := bucket(t, servers.MinIO(t)), bucket(t, servers.MinIO(t))
	p := newPeople(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: token, requester_pays: true}\n  - {url: \"s3://%s/\", endpoint: lab, mode: token}\n", paid, free))
	user := p.labServer.User(t, "alice")
	for name, want := range map[string]string{paid: "requester", free: ""} {
		user.AllowRead(t, name, "")
		p.record(p.alice, name, user.AccessKey, user.Secret())
		p.reads(name, p.whole(put(t, p.labServer, name, "x", []byte("x")), 1), p.alice, 200, "", user.AccessKey)
		if log := p.lab.Log(); len(log) != 1 || log[0].Payer != want {
			t.Errorf("%s: the header x-amz-request-payer is %q, want %q", name, log[0].Payer, want)
		}
	}
}

// TestSameBucketOnTwoServers is C-15: a record is used where its bucket is,
// and each endpoint has its own keys in memory.
func TestSameBucketOnTwoServers(t *testing.T) {
	t.Parallel()
	name := bucket(t, servers.MinIO(t))
	servers.Versitygw(t).Bucket(t, name, true)
	p := newPeople(t, fmt.Sprintf("access:\n  - {url: \"s3://%[1]s/lab/\", endpoint: lab, mode: token}\n  - {url: \"s3://%[1]s/gw/\", endpoint: gw, mode: token}\n", name))
	l, g := put(t, p.labServer, name, "lab/x", []byte("lab")), put(t, p.gwServer, name, "gw/x", []byte("-gw"))
	user := p.labServer.User(t, "alice")
	user.AllowRead(t, name, "")
	p.record(p.alice, name, user.AccessKey, user.Secret())
	p.reads("where the keys are known", p.whole(l, 3), p.alice, 200, "", user.AccessKey)
	// The same keys are unknown to the other server, which must not become
	// the first one's problem.
	got := p.get(p.whole(g, 3), p.alice)
	if got.StatusCode != 403 {
		t.Errorf("where they are not: %d %q", got.StatusCode, got.body)
	}
	for _, r := range p.gw.Log() {
		if r.AccessKey != user.AccessKey {
			t.Errorf("the other server saw the key %q", r.AccessKey)
		}
	}
	p.reads("where the keys are known, again", p.whole(l, 3), p.alice, 200, "", user.AccessKey)
}

// TestNoFallBack is C-13: keys that fail are not replaced by the server's,
// which would do; and a signature changes nothing.
func TestNoFallBack(t *testing.T) {
	t.Parallel()
	lab := bucket(t, servers.MinIO(t))
	rule := "access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: %s}\n"
	p := newPeople(t, fmt.Sprintf(rule, lab, "token"))
	e := pseudoblock.Extent{Object: put(t, p.labServer, lab, "x", []byte("x")), Size: 1}
	signed := p.locator(e, pseudoblock.Derived, p.alice)
	user := p.labServer.User(t, "alice") // without rights
	p.record(p.alice, lab, user.AccessKey, user.Secret())
	p.reads("keys without rights", signed, p.alice, 403, "s3-denied", user.AccessKey)
	p.silentFor("no keys", p.locator(e, pseudoblock.Derived, p.bob), p.bob, 403, "creds-missing")
	p.change(fmt.Sprintf(rule, lab, "iam"))
	if got := p.get(signed, p.alice); got.StatusCode != 200 {
		t.Errorf("the server's own keys would not do: %d %q", got.StatusCode, got.body)
	}
	p.silentFor("mode iam without a signature", p.whole(e.Object, 1), p.alice, 400, "bad-signature")
	if log := p.lab.Log(); keysIn(log)[user.AccessKey] {
		t.Errorf("mode iam used keys of a record: %v", log)
	}
}

// keysIn are the access keys that the requests carried.
func keysIn(log []faultproxy.Request) map[string]bool {
	keys := map[string]bool{}
	for _, r := range log {
		keys[r.AccessKey] = true
	}
	return keys
}
