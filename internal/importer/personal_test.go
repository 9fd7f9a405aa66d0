// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/s3read"
)

// wallet is a source of personal credentials: alice has some, bob has none.
type wallet struct {
	mu    sync.Mutex
	asked []string // the tokens that it was given
}

func (w *wallet) Credentials(_ context.Context, rule *creds.Rule, c creds.Caller) (creds.Identity, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, c.Token.Reveal())
	if c.UserUUID != alice {
		return creds.Identity{}, &creds.Error{Kind: creds.Missing, Text: "you have no credentials for " + rule.URL()}
	}
	return creds.Identity{Provider: w, As: "the credential record of alice"}, nil
}

func (w *wallet) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKIDALICE", SecretAccessKey: "hunter2"}, nil
}

// newPersonal has a bucket for each mix of modes.
func newPersonal(t *testing.T, b *bucket) (*Importer, *wallet) {
	t.Helper()
	im, w := newImporter(t, b), &wallet{}
	here, there := &creds.Endpoint{Name: "here"}, &creds.Endpoint{Name: "there"}
	importers := creds.Importers{Users: []string{alice, bob}}
	rules := []creds.Rule{
		{Bucket: "own", Endpoint: here, Mode: creds.Token},
		{Bucket: "own", Prefix: "same/", Endpoint: here, Mode: creds.Token, EtagPin: true},
		{Bucket: "own", Prefix: "far/", Endpoint: there, Mode: creds.Token},
		{Bucket: "own", Prefix: "role/", Endpoint: here, Mode: creds.Role, Role: "arn:aws:iam::111122223333:role/readers"},
		{Bucket: "own", Prefix: "shared/", Endpoint: here, Mode: creds.IAM, Import: importers},
		{Bucket: "own", Prefix: "closed/", Endpoint: here, Mode: creds.IAM},
		{Bucket: "all", Endpoint: here, Mode: creds.IAM, Import: importers},
		{Bucket: "all", Prefix: "own/", Endpoint: here, Mode: creds.Token},
		{Bucket: "roles", Endpoint: here, Mode: creds.Role, Role: "arn:aws:iam::111122223333:role/readers"},
		{Bucket: "roles", Prefix: "other/", Endpoint: here, Mode: creds.Role, Role: "arn:aws:iam::111122223333:role/others"},
	}
	chain, err := creds.NewChain(rules, map[creds.Mode]creds.Source{creds.IAM: creds.AnonymousSource{}, creds.Token: w, creds.Role: w})
	if err != nil {
		t.Fatal(err)
	}
	im.Keychain, im.Rules = chain, nil
	for i := range rules {
		im.Rules = append(im.Rules, &rules[i])
	}
	return im, w
}

// TestPersonalImport: any active user with a full token may try, and S3
// decides.
func TestPersonalImport(t *testing.T) {
	for _, url := range []string{"s3://own/", "s3://own/x", "s3://roles/"} {
		b := &bucket{versions: objects("x")}
		im, w := newPersonal(t, b)
		got := run(t, im, prefix(url))
		if len(got.files) != 1 || !slices.Contains(w.asked, "alice") || slices.ContainsFunc(w.asked, func(s string) bool { return s != "alice" }) {
			t.Errorf("%s: %+v; asked with the tokens %q", url, got, w.asked)
		}
		b.heads.Store(0)
		refused(t, im, "link", prefix(url), "scope-needed")
		refused(t, im, "bob", prefix(url), "creds-missing")
		if b.heads.Load() > 0 {
			t.Errorf("%s: S3 was asked", url)
		}
		b.headError = &s3read.Error{Kind: s3read.Denied, Text: "denied"}
		refused(t, im, "alice", prefix(url), "s3-denied")
	}
}

// TestPrefixOverModes: keys that were listed with one person's rights are not
// imported, or named, with another's.
func TestPrefixOverModes(t *testing.T) {
	rows := []struct {
		url         string
		keys        []string
		files       []string
		skipped     map[string]string // URL to reason
		left, named int64
	}{
		{"s3://own/", []string{"closed/a", "closed/b", "far/a", "role/a", "role/b", "same/a", "shared/a", "x"},
			[]string{"same/a", "shared/a", "x"},
			map[string]string{"s3://own/closed/": "bucket-not-allowed", "s3://own/far/": "other-rights", "s3://own/role/": "other-rights"}, 5, 3},
		{"s3://all/", []string{"own/a", "own/b", "own/c", "x"}, []string{"x"}, map[string]string{"s3://all/own/": "other-rights"}, 3, 1},
		{"s3://roles/", []string{"other/a", "x"}, []string{"x"}, map[string]string{"s3://roles/other/": "other-rights"}, 1, 1},
		{"s3://all/own/", []string{"own/a", "own/b"}, []string{"a", "b"}, map[string]string{}, 0, 0},
		{"s3://roles/other/", []string{"other/a"}, []string{"a"}, map[string]string{}, 0, 0},
	}
	for _, row := range rows {
		im, _ := newPersonal(t, &bucket{versions: objects(row.keys...)})
		got := run(t, im, prefix(row.url))
		var files []string
		for _, f := range got.files {
			files = append(files, f.Path)
		}
		if !slices.Equal(files, row.files) || got.done.Skipped != row.left || int64(len(got.skipped)) != row.named {
			t.Errorf("%s: files %q, %d left out, lines %+v", row.url, files, got.done.Skipped, got.skipped)
		}
		if status := map[bool]string{true: "complete", false: "partial"}[row.left == 0]; got.done.Status != status {
			t.Errorf("%s: status %q", row.url, got.done.Status)
		}
		for _, s := range got.skipped {
			if row.skipped[s.URL] != s.Reason || strings.Contains(s.Text, "arn:") {
				t.Errorf("%s: %+v", row.url, s)
			}
		}
	}
	both := Request{Sources: []Source{{URL: "s3://all/", Path: "server"}, {URL: "s3://all/own/", Path: "own"}}}
	im, _ := newPersonal(t, &bucket{versions: objects("own/a", "x")})
	if got := run(t, im, both); len(got.files) != 2 {
		t.Errorf("as a source of its own: %+v", got)
	}
}

// TestVisibleRules: whoever has a full token sees the rules under which they
// may import, with the mode and without the role.
func TestVisibleRules(t *testing.T) {
	im, _ := newPersonal(t, &bucket{})
	views, err := im.VisibleRules(t.Context(), creds.NewSecret("alice"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range views {
		got = append(got, v.Mode+" "+v.URL)
	}
	want := []string{"token s3://own/", "token s3://own/same/", "token s3://own/far/", "role s3://own/role/", "iam s3://own/shared/",
		"iam s3://all/", "token s3://all/own/", "role s3://roles/", "role s3://roles/other/"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if text, _ := json.Marshal(views); strings.Contains(string(text), "arn:") {
		t.Errorf("the roles are told: %s", text)
	}
	if _, err := im.VisibleRules(t.Context(), creds.NewSecret("link")); wordOf(err) != "scope-needed" {
		t.Errorf("a link: %v", err)
	}
	if page, err := im.Browse(t.Context(), creds.NewSecret("alice"), "s3://own/dir/", ""); err != nil || page.Mode != "token" {
		t.Errorf("browse: %+v, %v", page, err)
	}
	if _, err := im.Browse(t.Context(), creds.NewSecret("bob"), "s3://own/dir/", ""); wordOf(err) != "creds-missing" {
		t.Errorf("browse without credentials: %v", err)
	}
}

// TestExplain goes to each step that can refuse, and through all of them.
func TestExplain(t *testing.T) {
	there := func(change func(*s3read.Version)) *bucket {
		v := object("x")
		if change != nil {
			change(&v)
		}
		return &bucket{versions: []s3read.Version{v}}
	}
	denied := there(nil)
	denied.headError = &s3read.Error{Kind: s3read.Denied, Text: "S3 does not let you"}
	rows := []struct {
		name, url, token string
		operator         bool
		bucket           *bucket
		last, word       string // of the last step; "" is success
		text             string
	}{
		{"control", "s3://own/x", "alice", false, there(nil), "s3", "", "S3 gives it: 10 bytes, s3://own/x?versionId=v1"},
		{"a version", "s3://own/x?versionId=v1", "alice", false, there(nil), "s3", "", "10 bytes"},
		{"prefix", "s3://own/dir/", "alice", false, there(nil), "s3", "", "1 objects and 1 folders"},
		{"role", "s3://roles/x", "alice", false, there(nil), "s3", "", "10 bytes"},
		{"unsigned", "s3://all/x", "alice", false, there(nil), "s3", "", "10 bytes"},
		{"bad url", "http://own/x", "alice", false, there(nil), "url", "bad-request", "s3://"},
		{"dead token", "s3://own/x", "nobody", false, there(nil), "token", "internal", "its log says more"},
		{"link", "s3://own/x", "link", false, there(nil), "token", "scope-needed", "full token"},
		{"no rule", "s3://elsewhere/x", "alice", false, there(nil), "rule", "bucket-not-allowed", "no access rule"},
		{"not an importer", "s3://own/closed/x", "alice", false, there(nil), "rule", "bucket-not-allowed", "does not let you import"},
		{"the operator", "s3://own/closed/x", "alice", true, &bucket{versions: objects("closed/x")}, "s3", "", "10 bytes"},
		{"no credentials", "s3://own/x", "bob", false, there(nil), "credentials", "creds-missing", "you have no credentials"},
		{"missing", "s3://own/y", "alice", false, there(nil), "s3", "s3-not-found", "no such key"},
		{"denied", "s3://own/x", "alice", false, denied, "s3", "s3-denied", "S3 does not let you"},
		{"archived", "s3://own/x", "alice", false, there(func(v *s3read.Version) { v.Archived = true }), "s3", "s3-archived", "restore it"},
		{"no version", "s3://own/x", "alice", false, there(func(v *s3read.Version) { v.Object.VersionID = "" }), "s3", "unpinned", "enable versioning"},
	}
	for _, row := range rows {
		im, w := newPersonal(t, row.bucket)
		report, err := im.Explain(t.Context(), Question{URL: row.url, Token: creds.NewSecret(row.token), Operator: row.operator})
		last := report.Steps[len(report.Steps)-1]
		if last.Step != row.last || last.OK != (row.word == "") || report.Error != row.word || report.Readable != (err == nil) || !strings.Contains(last.Text, row.text) {
			t.Errorf("%s: %+v, %v", row.name, report, err)
		}
		for _, step := range report.Steps[:len(report.Steps)-1] {
			if !step.OK {
				t.Errorf("%s: it goes on after %+v", row.name, step)
			}
		}
		if report.Known != (row.last != "url" && row.last != "token") {
			t.Errorf("%s: known %v", row.name, report.Known)
		}
		if (row.last == "url" || row.last == "token" || row.last == "rule") && row.bucket.heads.Load()+int64(len(w.asked)) > 0 {
			t.Errorf("%s: others were asked in vain", row.name)
		}
		text, _ := json.Marshal(report)
		for _, secret := range []string{"AKIDALICE", "hunter2", "arn:", `"` + row.token + `"`} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s tells %s: %s", row.name, secret, text)
			}
		}
	}
}

// TestExplainTellsStrangersNothing: under a rule of this server's rights the
// answer is the same for what exists and what does not.
func TestExplainTellsStrangersNothing(t *testing.T) {
	im, _ := newPersonal(t, &bucket{versions: objects("closed/x")})
	var texts []string
	for _, key := range []string{"closed/x", "closed/y"} {
		_, err := im.Explain(t.Context(), Question{URL: "s3://own/" + key, Token: creds.NewSecret("alice")})
		if err == nil {
			t.Fatal("no error")
		}
		texts = append(texts, err.Error())
	}
	if texts[0] != texts[1] {
		t.Errorf("the answers differ: %q", texts)
	}
}

// TestSessionThatFails: keys that cannot be had are a step of their own.
func TestSessionThatFails(t *testing.T) {
	im, _ := newPersonal(t, &bucket{versions: objects("x")})
	chain, err := creds.NewChain([]creds.Rule{*im.Rules[8]}, map[creds.Mode]creds.Source{creds.Role: broken{}})
	if err != nil {
		t.Fatal(err)
	}
	im.Keychain = chain
	report, err := im.Explain(t.Context(), Question{URL: "s3://roles/x", Token: creds.NewSecret("alice")})
	if last := report.Steps[len(report.Steps)-1]; last.Step != "session" || report.Error != "sts-refused" || err == nil {
		t.Errorf("%+v, %v", report, err)
	}
}

type broken struct{}

func (broken) Credentials(context.Context, *creds.Rule, creds.Caller) (creds.Identity, error) {
	return creds.Identity{Provider: broken{}, As: "a role"}, nil
}

func (broken) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, &creds.Error{Kind: creds.RoleRefused, Text: "the STS does not let you assume the role", Err: errors.New("secret of the STS")}
}
