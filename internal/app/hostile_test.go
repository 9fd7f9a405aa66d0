// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/apiserver"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

func parseForm(t *testing.T, body string) url.Values {
	t.Helper()
	form, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	return form
}

// another is a further token of alice, for whom nothing is remembered yet.
func (p *people) another() string {
	p.t.Helper()
	return p.token(apiserver.TokenSpec{UserUUID: p.aliceUUID})
}

// recordLists matches what asks for lists of credential records.
var recordLists = regexp.MustCompile(`^/arvados/v1/credentials\?`)

// doctored changes each record that the API server lists.
func doctored(change func(record map[string]any)) faultproxy.Action {
	return faultproxy.Body(func(body []byte) []byte {
		var list map[string]any
		if err := json.Unmarshal(body, &list); err != nil {
			return body
		}
		items, _ := list["items"].([]any)
		for _, item := range items {
			change(item.(map[string]any))
		}
		changed, err := json.Marshal(list)
		if err != nil {
			return body
		}
		return changed
	})
}

// field sets one field of each record.
func field(name string, value any) faultproxy.Action {
	return doctored(func(r map[string]any) { r[name] = value })
}

// TestHostileRecords are C-12 and its like: whatever stands in a record, no
// request goes where it says, nothing breaks, and the sentence is safe.
func TestHostileRecords(t *testing.T) {
	t.Parallel()
	p, l, key, _ := keyReader(t)
	canary := faultproxy.NewCanary(t)
	longText := strings.Repeat("x", 100_000)
	for what, row := range map[string]struct {
		do     faultproxy.Action
		status int
		word   string
	}{
		"hosts": {doctored(func(r map[string]any) {
			for _, name := range []string{"endpoint", "region", "sts_endpoint", "proxy", "url", "s3_endpoint", "endpoint_url"} {
				r[name] = canary.URL()
			}
		}), 200, ""},
		"scopes of numbers":  {field("scopes", []int{1, 2}), 403, "creds-missing"},
		"scopes in one text": {field("scopes", "s3://*"), 403, "creds-missing"},
		"scopes in scopes":   {field("scopes", []any{[]string{"s3://*"}}), 403, "creds-missing"},
		"a class of numbers": {field("credential_class", 7), 403, "creds-missing"},
		"another class":      {field("credential_class", "gcs_key"), 403, "creds-missing"},
		"an id of numbers":   {field("external_id", 42), 403, "creds-missing"},
		"line feeds":         {field("external_id", "AKIA\r\nX-Evil: yes"), 403, "creds-missing"},
		"escapes":            {field("external_id", "\x1b[31mAKIA\x00"), 403, "creds-missing"},
		"a huge id":          {field("external_id", longText), 403, "creds-missing"},
		"a URL for a role":   {doctored(func(r map[string]any) { r["credential_class"], r["external_id"] = "aws_iam_role", canary.URL() }), 403, "creds-missing"},
		"a role of AWS": {doctored(func(r map[string]any) {
			r["credential_class"], r["external_id"] = "aws_iam_role", "arn:aws:iam::111122223333:role/x"
		}), 403, "creds-missing"},
		"a path for a UUID":   {field("uuid", "../users/current?x="), 403, "creds-missing"},
		"no end":              {field("expires_at", nil), 403, "creds-missing"},
		"an end of no time":   {field("expires_at", "tomorrow"), 403, "creds-missing"},
		"an end long ago":     {field("expires_at", "2001-01-01T00:00:00Z"), 403, "creds-expired"},
		"records of numbers":  {faultproxy.Body(func([]byte) []byte { return []byte(`{"items":[1,2,3]}`) }), 503, "api-unavailable"},
		"no list":             {faultproxy.Body(func([]byte) []byte { return []byte(`{"items":"none"}`) }), 503, "api-unavailable"},
		"a page of HTML":      {faultproxy.Answer(200, "<html><body>Welcome</body></html>"), 503, "api-unavailable"},
		"an empty body":       {faultproxy.Answer(200, ""), 503, "api-unavailable"},
		"an endless list":     {faultproxy.Answer(200, `{"items":[`+strings.Repeat(`{"uuid":"zzzzz-oss07-000000000000000"},`, 1<<20)), 503, "api-unavailable"},
		"a redirect":          {faultproxy.Redirect(302, canary.URL()), 503, "api-unavailable"},
		"a redirect of POSTs": {faultproxy.Redirect(307, canary.URL()), 503, "api-unavailable"},
		"a refusal":           {faultproxy.Answer(401, `{"errors":["no"]}`), 401, "token-refused"},
		"an error":            {faultproxy.Answer(500, "oops"), 503, "api-unavailable"},
		"no such route":       {faultproxy.Answer(404, `{"errors":["Path not found"]}`), 403, "creds-missing"},
		"a reset":             {faultproxy.ResetAt(faultproxy.BeforeHeaders), 503, "api-unavailable"},
		"half an answer":      {faultproxy.CloseAt(30), 503, "api-unavailable"},
	} {
		token := p.another()
		p.forget()
		p.asked.Set(faultproxy.Rule{Path: recordLists, Do: []faultproxy.Action{row.do}})
		got := p.get(l, token)
		if got.StatusCode != row.status || got.Header.Get("X-Keep-Error") != row.word {
			t.Errorf("%s: got %d %s %q, want %d %s", what, got.StatusCode, got.Header.Get("X-Keep-Error"), got.body, row.status, row.word)
		}
		if keys := keysIn(p.lab.Log()); row.status == 200 != keys[key] {
			t.Errorf("%s: S3 saw the keys %v", what, keys)
		}
		if strings.ContainsAny(got.body, "\x1b\x00\r") || len(got.body) > 1024 || row.status != 200 && strings.Contains(got.body, canary.URL()) {
			t.Errorf("%s: the answer is %.2000q", what, got.body)
		}
		for _, r := range p.asked.Log() {
			if !strings.HasPrefix(r.Path, "/arvados/v1/") && r.Path != "/discovery/v1/apis/arvados/v1/rest" || strings.Contains(r.Path, "..") {
				t.Errorf("%s: the API server was asked %v", what, r)
			}
		}
	}
	p.reads("an honest record", l, p.another(), 200, "", key)
}

// secrets matches what asks for the secret of a record.
var secrets = regexp.MustCompile(`^/arvados/v1/credentials/[a-z0-9-]+/secret`)

// TestHostileSecrets: the same for the answer with the secret.
func TestHostileSecrets(t *testing.T) {
	t.Parallel()
	p, l, key, _ := keyReader(t)
	canary := faultproxy.NewCanary(t)
	reply := func(text string) faultproxy.Action {
		return faultproxy.Body(func([]byte) []byte { return []byte(text) })
	}
	for what, row := range map[string]struct {
		do     faultproxy.Action
		status int
		word   string
	}{
		"stock Arvados":    {faultproxy.Answer(403, `{"errors":["Token is not associated with a running container. (req-1)"]}`), 403, "creds-missing"},
		"unshared":         {faultproxy.Answer(404, `{"errors":["Path not found"]}`), 403, "creds-missing"},
		"expired":          {faultproxy.Answer(403, `{"errors":["Credential has expired."]}`), 403, "creds-expired"},
		"a dead token":     {faultproxy.Answer(401, `{"errors":["Not logged in"]}`), 401, "token-refused"},
		"an error":         {faultproxy.Answer(502, "<html>"), 503, "api-unavailable"},
		"a redirect":       {faultproxy.Redirect(307, canary.URL()), 503, "api-unavailable"},
		"HTML":             {reply("<html>"), 503, "api-unavailable"},
		"a wrong type":     {reply(`{"external_id":["x"],"secret":{}}`), 503, "api-unavailable"},
		"nothing":          {reply(`{"external_id":"","secret":""}`), 403, "creds-missing"},
		"a header in keys": {reply(`{"external_id":"AKIA\r\nHost: evil","secret":"x"}`), 403, "creds-missing"},
	} {
		token := p.another()
		p.forget()
		p.asked.Set(faultproxy.Rule{Path: secrets, Do: []faultproxy.Action{row.do}})
		got := p.get(l, token)
		if got.StatusCode != row.status || got.Header.Get("X-Keep-Error") != row.word {
			t.Errorf("%s: got %d %s %q, want %d %s", what, got.StatusCode, got.Header.Get("X-Keep-Error"), got.body, row.status, row.word)
		}
		if log := p.s3(); len(log) != 0 {
			t.Errorf("%s: S3 was asked %v", what, log)
		}
		if what == "stock Arvados" && !(strings.Contains(got.body, "running container") && strings.Contains(got.body, "aws_iam_role")) {
			t.Errorf("%s: the answer does not say what to do: %s", what, got.body)
		}
	}
	p.reads("an honest secret", l, p.another(), 200, "", key)
}

// TestAPIServerDown is C-07: what is remembered is served, the rest gets 503
// within seconds, and all is well when the API server is.
func TestAPIServerDown(t *testing.T) {
	t.Parallel()
	p, l, key, name := keyReader(t)
	p.reads("before", l, p.alice, 200, "", key)
	e := pseudoblock.Extent{Object: put(t, p.labServer, name, "x", []byte("x")), Size: 1}
	for what, do := range map[string]faultproxy.Action{
		"an error": faultproxy.Answer(500, ""), "a reset": faultproxy.ResetAt(faultproxy.BeforeHeaders), "a black hole": faultproxy.StallAt(faultproxy.BeforeHeaders),
	} {
		token := p.another()
		p.asked.Set(faultproxy.Rule{Do: []faultproxy.Action{do}})
		p.lab.Set()
		p.wantError(p.get(p.locator(e, pseudoblock.Derived, token), token), 503, "api-unavailable")
		if got := p.get(l, p.alice); got.StatusCode != 200 {
			t.Errorf("%s: what is remembered gave %d %q", what, got.StatusCode, got.body)
		}
		p.forget()
		if got := p.get(p.locator(e, pseudoblock.Derived, token), token); got.StatusCode != 200 {
			t.Errorf("%s: afterwards %d %q", what, got.StatusCode, got.body)
		}
	}
}

// TestRecordExpires is C-03: the end of a record ends what is remembered of it.
func TestRecordExpires(t *testing.T) {
	t.Parallel()
	p, l, _, name := keyReader(t)
	user := p.labServer.User(t, "bob")
	user.AllowRead(t, name, "")
	ends := time.Now().Add(3 * time.Second).Truncate(time.Second)
	uuid := p.record(p.bob, name, user.AccessKey, user.Secret())
	p.arvados(http.MethodPatch, "credentials/"+uuid, p.bob, map[string]any{"credential": map[string]any{"expires_at": ends.UTC().Format(time.RFC3339)}})
	served := 0
	for began := time.Now(); ; began = time.Now() {
		got := p.get(l, p.bob)
		if got.StatusCode != 200 {
			p.wantError(got, 403, "creds-expired")
			break
		}
		if served++; began.After(ends) {
			t.Fatalf("a read that began %v after the end of the record was served", began.Sub(ends))
		}
		time.Sleep(20 * time.Millisecond)
	}
	if served == 0 && time.Now().Before(ends) {
		t.Error("the record gave nothing before its end")
	}
	if got := p.get(l, p.alice); got.StatusCode != 200 {
		t.Errorf("another record gave %d %q", got.StatusCode, got.body)
	}
}

// TestWhichRecord is C-10 with real records: own before shared, exact before
// any, and two equals are an error that names both.
func TestWhichRecord(t *testing.T) {
	t.Parallel()
	p, l, key, name := keyReader(t)
	p.reads("one", l, p.alice, 200, "", key)
	wide := p.labServer.User(t, "wide")
	wide.AllowRead(t, name, "")
	p.recordOf(p.alice, "arv:aws_access_key", "s3://*", wide.AccessKey, wide.Secret())
	p.reads("exact before any", l, p.another(), 200, "", key)
	lent := p.recordOf(p.alice, "arv:aws_access_key", "s3://"+name, wide.AccessKey, wide.Secret())
	p.share(p.alice, "can_read", p.bobUUID, lent)
	got := p.silentFor("a shared one, whose secret only managers get", l, p.bob, 403, "creds-missing")
	if !strings.Contains(got.body, lent) {
		t.Errorf("the error does not name the record: %s", got.body)
	}
	bob := p.labServer.User(t, "bob")
	bob.AllowRead(t, name, "")
	p.recordOf(p.bob, "arv:aws_access_key", "s3://*", bob.AccessKey, bob.Secret())
	p.reads("own before shared", l, p.token(apiserver.TokenSpec{UserUUID: p.bobUUID}), 200, "", bob.AccessKey)
	second := lent
	got = p.silentFor("two equals", l, p.another(), 403, "creds-ambiguous")
	if !strings.Contains(got.body, second) || strings.Count(got.body, "-oss07-") != 2 {
		t.Errorf("the error does not name both: %q", got.body)
	}
	p.arvados(http.MethodDelete, "credentials/"+second, p.alice, nil)
	p.reads("one again", l, p.another(), 200, "", key)
}
