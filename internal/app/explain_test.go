// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

func (r *rig) explain(token, text string, headers ...string) (reply, importer.Report) {
	r.t.Helper()
	got := r.do(http.MethodGet, "/s3/access?url="+url.QueryEscape(text), token, "", headers...)
	var report importer.Report
	if got.StatusCode == 200 {
		if err := json.Unmarshal([]byte(got.body), &report); err != nil {
			r.t.Fatal(err)
		}
	}
	return got, report
}

// TestExplain asks a whole server what decides about an object.
func TestExplain(t *testing.T) {
	r, e := reading(t)
	object, prefix := e.Object.URL(), "s3://"+e.Object.Bucket+"/dir/"
	for text, want := range map[string]string{object: "HEAD", prefix: "GET"} {
		r.lab.Set()
		got, report := r.explain(r.alice, text)
		if !report.Readable || len(report.Steps) != 6 || report.URL != text {
			t.Errorf("%s: %d %q", text, got.StatusCode, got.body)
		}
		if log := r.lab.Log(); len(log) != 1 || log[0].Method != want {
			t.Errorf("%s: S3 was asked %v", text, log)
		}
		for _, secret := range []string{r.alice, testenv.AccessKey, testenv.SecretKey, r.api.BlobSigningKey()} {
			if strings.Contains(got.body, secret) {
				t.Errorf("%s tells a secret: %s", text, got.body)
			}
		}
	}
	missing := "s3://" + e.Object.Bucket + "/never there"
	if got, report := r.explain(r.alice, strings.ReplaceAll(missing, " ", "%20")); report.Readable || report.Error != "s3-not-found" || got.StatusCode != 200 {
		t.Errorf("missing: %d %q", got.StatusCode, got.body)
	}
	r.lab.Set()
	_, one := r.explain(r.bob, object)
	_, two := r.explain(r.bob, strings.ReplaceAll(missing, " ", "%20"))
	if one.Error != "bucket-not-allowed" || one.Steps[2] != two.Steps[2] || len(r.lab.Log()) > 0 {
		t.Errorf("bob, who may not import, is told %+v and %+v; S3 was asked %v", one, two, r.lab.Log())
	}
	for _, row := range []struct {
		token, url string
		status     int
		word       string
		headers    []string
	}{
		{"", object, 401, "no-token", nil},
		{"v2/zzzzz-gj3su-000000000000000/x", object, 401, "token-refused", nil},
		{r.link, object, 403, "scope-needed", nil},
		{r.alice, "ftp://x/y", 400, "bad-request", nil},
		{r.alice, object, 403, "origin-not-allowed", []string{"Origin: https://evil.example.org"}},
	} {
		got, _ := r.explain(row.token, row.url, row.headers...)
		r.wantError(got, row.status, row.word)
		if strings.Contains(got.body, e.Object.Bucket) {
			t.Errorf("%s: %s", row.word, got.body)
		}
	}
}

// TestExplainFromAFile answers without a server, and for the operator also
// what the user may not ask.
func TestExplainFromAFile(t *testing.T) {
	r, e := reading(t)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"alice": r.alice, "bob": r.bob} {
		r.lab.Set()
		report, err := app.Explain(t.Context(), r.config, importer.Question{URL: e.Object.URL(), Token: creds.NewSecret(token), Operator: true})
		if err != nil || !report.Readable || len(r.lab.Log()) != 1 {
			t.Errorf("%s: %+v, %v, %v", name, report, err, r.lab.Log())
		}
	}
	r.write(fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: none, mode: iam}\n", e.Object.Bucket))
	if _, err := app.Explain(t.Context(), r.config, importer.Question{URL: e.Object.URL(), Token: creds.NewSecret(r.alice)}); err == nil {
		t.Error("a faulty file is taken")
	}
}

// TestAskServer: what answers there may be anything.
func TestAskServer(t *testing.T) {
	canary := faultproxy.NewCanary(t)
	ok := func(status, body string) string {
		return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, len(body), body)
	}
	for name, c := range map[string]struct{ answer, want string }{
		"control":    {ok("200 OK", `{"readable":true,"steps":[{"step":"url","ok":true,"text":"fine"}]}`), ""},
		"refusal":    {ok("401 Unauthorized", `{"errors":["token-refused: get another"]}`), "token-refused"},
		"API server": {ok("404 Not Found", `{"errors":["Path not found"]}`), "no keepstore does here"},
		"a page":     {ok("200 OK", "<html>"), "no keepstore"},
		"no steps":   {ok("200 OK", "{}"), "no keepstore"},
		"endless":    {ok("200 OK", `{"steps":[`+strings.Repeat(`{"step":"url"},`, 1<<17)), "no keepstore"},
		"redirect":   {"HTTP/1.1 307 Temporary Redirect\r\nLocation: " + canary.URL() + "/\r\nContent-Length: 0\r\n\r\n", "no keepstore"},
		"cut short":  {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nConnection: close\r\n\r\n{", "broke off"},
		"nothing":    {"", "does not answer"},
	} {
		base, err := url.Parse(faultproxy.NewRaw(t, faultproxy.Text(c.answer)).URL())
		if err != nil {
			t.Fatal(err)
		}
		report, err := app.AskServer(t.Context(), base, importer.Question{URL: "s3://bucket/key", Token: creds.NewSecret("v2/x/hunter2")})
		if (err == nil) != (c.want == "") || report.Readable != (err == nil) || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
	if canary.Contacts() > 0 {
		t.Error("the token went to another host")
	}
}
