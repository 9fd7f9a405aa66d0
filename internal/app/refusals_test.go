// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/locator"
)

// TestReplacedKeys is C-11: keys that S3 no longer takes are fetched once
// more, and refused when they are still the old ones.
func TestReplacedKeys(t *testing.T) {
	t.Parallel()
	lab := bucket(t, servers.MinIO(t))
	p := newPeople(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: token}\n", lab))
	user := p.labServer.User(t, "alice")
	user.AllowRead(t, lab, "")
	uuid := p.record(p.alice, lab, user.AccessKey, user.Secret())
	l := p.whole(put(t, p.labServer, lab, "x", []byte("x")), 1)
	p.reads("before", l, p.alice, 200, "", user.AccessKey)
	secret := user.Rotate(t)
	p.forget()
	got := p.get(l, p.alice)
	p.wantError(got, 403, "creds-expired")
	if !strings.Contains(got.body, uuid) {
		t.Errorf("the error does not name the record: %s", got.body)
	}
	if log := p.s3(); len(log) == 0 || len(log) > 2 || len(p.others()) > 2 {
		t.Errorf("S3 was asked %v, and the API server %v", log, p.others())
	}
	p.arvados(http.MethodPatch, "credentials/"+uuid, p.alice, map[string]any{"credential": map[string]any{"secret": secret}})
	eventually(t, "a read with the new keys", func() bool { return p.get(l, p.alice).StatusCode == 200 })
	other := p.labServer.User(t, "alice")
	other.AllowRead(t, lab, "")
	p.arvados(http.MethodPatch, "credentials/"+uuid, p.alice, map[string]any{"credential": map[string]any{"external_id": other.AccessKey, "secret": other.Secret()}})
	p.reads("in another session, at once", l, p.another(), 200, "", other.AccessKey)
}

// s3Error is an error as S3 writes it.
func s3Error(status int, code string) faultproxy.Action {
	return faultproxy.Answer(status, fmt.Sprintf("<Error><Code>%s</Code><Message>m</Message></Error>", code))
}

// TestRefusalsOfS3: what S3 says about keys and clocks gets one status each,
// and makes nobody ask all the time.
func TestRefusalsOfS3(t *testing.T) {
	t.Parallel()
	p, l, _, _ := keyReader(t)
	for what, row := range map[string]struct {
		do     faultproxy.Action
		status int
		word   string
		most   int
	}{
		"denied":          {s3Error(403, "AccessDenied"), 403, "s3-denied", 1},
		"unknown key":     {s3Error(403, "InvalidAccessKeyId"), 403, "creds-expired", 2},
		"wrong secret":    {s3Error(403, "SignatureDoesNotMatch"), 403, "creds-expired", 2},
		"expired":         {s3Error(400, "ExpiredToken"), 403, "creds-expired", 2},
		"our clock":       {s3Error(403, "RequestTimeTooSkewed"), 503, "clock-skew", 1},
		"our clock, too":  {ahead(20*time.Minute, s3Error(403, "InvalidAccessKeyId")), 503, "clock-skew", 2},
		"slow down":       {s3Error(503, "SlowDown"), 503, "s3-slow-down", 4},
		"another region":  {s3Error(400, "AuthorizationHeaderMalformed"), 0, "", 2},
		"HTML":            {faultproxy.Answer(403, "<html>no</html>"), 403, "s3-denied", 2},
		"no body":         {faultproxy.Answer(403, ""), 403, "s3-denied", 2},
		"a huge refusal":  {faultproxy.Answer(403, strings.Repeat("x", 8<<20)), 403, "s3-denied", 2},
		"a doctype":       {faultproxy.Answer(403, `<!DOCTYPE e [<!ENTITY a "aaaa">]><Error><Code>&a;</Code></Error>`), 403, "s3-denied", 2},
		"a strange code":  {s3Error(403, "\u202eevil"+strings.Repeat("x", 5000)), 403, "s3-denied", 2},
		"payment wanted":  {s3Error(403, "RequestPaymentRequired"), 403, "s3-denied", 2},
		"not a reader":    {s3Error(403, "AllAccessDisabled"), 403, "s3-denied", 2},
		"account problem": {s3Error(403, "AccountProblem"), 403, "s3-denied", 2},
	} {
		token := p.another()
		p.forget()
		p.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{row.do}})
		got := p.get(l, token)
		if row.status != 0 && (got.StatusCode != row.status || got.Header.Get("X-Keep-Error") != row.word) || got.StatusCode < 400 {
			t.Errorf("%s: got %d %s %q, want %d %s", what, got.StatusCode, got.Header.Get("X-Keep-Error"), got.body, row.status, row.word)
		}
		if n := len(p.lab.Log()); n > row.most || n == 0 {
			t.Errorf("%s: S3 was asked %d times", what, n)
		}
		if len(got.body) > 1024 || strings.Contains(got.body, "\u202e") {
			t.Errorf("%s: the answer is %.2000q", what, got.body)
		}
		if row.word == "s3-denied" && !strings.Contains(got.body, "credential record") || row.word == "clock-skew" && !strings.Contains(got.body, "clock") {
			t.Errorf("%s: the answer does not say why: %s", what, got.body)
		}
	}
	p.forget()
	if got := p.get(l, p.another()); got.StatusCode != 200 {
		t.Errorf("without a fault: %d %q", got.StatusCode, got.body)
	}
}

// TestRulesOfPersonalModes are the A cases under mode token: what a prefix
// rule covers, and that a removed rule ends reads at once.
func TestRulesOfPersonalModes(t *testing.T) {
	t.Parallel()
	gw := bucket(t, servers.Versitygw(t))
	rule := "access:\n  - {url: \"s3://%s/public/\", endpoint: gw, mode: token}\n"
	p := newPeople(t, fmt.Sprintf(rule, gw))
	user := p.gwServer.User(t, "alice")
	user.AllowRead(t, gw, "")
	p.record(p.alice, gw, user.AccessKey, user.Secret())
	public, private := put(t, p.gwServer, gw, "public/x", []byte("x")), put(t, p.gwServer, gw, "private/x", []byte("x"))
	p.reads("below the prefix", p.whole(public, 1), p.alice, 200, "", user.AccessKey)
	var texts []string
	for _, o := range []locator.Object{
		private,
		{Bucket: gw, Key: "private/never there", VersionID: private.VersionID},
		{Bucket: gw, Key: "public/../private/x", VersionID: private.VersionID},
		{Bucket: gw, Key: "public/./../private/x", VersionID: private.VersionID},
		{Bucket: gw, Key: "public//x", VersionID: public.VersionID},
		{Bucket: gw, Key: "publicx/x", VersionID: public.VersionID},
		{Bucket: gw, Key: "public", VersionID: public.VersionID},
		{Bucket: gw + "x", Key: "public/x", VersionID: public.VersionID},
		{Bucket: gw + ".evil", Key: "public/x", VersionID: public.VersionID},
	} {
		l := p.signFor(p.whole(o, 1), p.alice)
		got := p.silentFor(o.Key, l, p.alice, 403, "bucket-not-allowed")
		texts = append(texts, strings.Split(got.body, " [req")[0])
	}
	if texts[0] != texts[1] {
		t.Errorf("the answers tell what exists: %q and %q", texts[0], texts[1])
	}
	p.change("access: []\n")
	p.silentFor("after the rule was removed", p.signFor(p.whole(public, 1), p.alice), p.alice, 403, "bucket-not-allowed")
	p.change(fmt.Sprintf(rule, gw))
	p.reads("after the rule came back", p.whole(public, 1), p.alice, 200, "", user.AccessKey)
}

// TestTokensOfPersonalModes are: no token, dead tokens and
// the tokens of operators open nothing; a foreign signature changes nothing.
func TestTokensOfPersonalModes(t *testing.T) {
	t.Parallel()
	p, l, key, _ := keyReader(t)
	p.silentFor("no token", l, "", 401, "no-token")
	p.silentFor("a dead token", l, "v2/zzzzz-gj3su-000000000000000/"+strings.Repeat("x", 40), 400, "bad-signature")
	p.silentFor("the management token", l, "management-of-the-test", 400, "bad-signature")
	p.silentFor("bob's token, without a record", l, p.bob, 403, "creds-missing")
	p.reads("alice's own token", l, p.alice, 200, "", key)
	e := strings.Split(l, "+A")[0] + "+A" + strings.Repeat("0", 40) + "@7fffffff"
	p.reads("with a signature of nobody", e, p.alice, 200, "", key)
}

// signFor adds a token's signature to a locator.
func (p *people) signFor(l, token string) string {
	p.t.Helper()
	parsed, err := locator.Parse(l)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.signer.Sign(parsed, token, time.Now().Add(ttl)).String()
}
