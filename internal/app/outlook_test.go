// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// lasting is a rig with a bucket with lock and two lifecycle rules: one for old
// versions below p/, one for what lies below closed/, which goes by an access
// rule that does not let alice import.
func lasting(t *testing.T) (*rig, string) {
	t.Helper()
	server, name := servers.MinIO(t), fmt.Sprintf("app-lasting-%d", number.Add(1))
	if _, err := server.Client(t).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	removing := func(id, prefix string, days int32) types.LifecycleRule {
		return types.LifecycleRule{ID: &id, Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: &prefix},
			NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: &days}}
	}
	_, err := server.Client(t).PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{Bucket: &name,
		LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{removing("old ones", "p/", 30), removing("hush", "closed/secret/", 1)}}})
	if err != nil {
		t.Fatal(err)
	}
	return newRig(t, fmt.Sprintf(`access:
  - {url: "s3://%[1]s/", endpoint: lab, mode: iam, import: {users: [ALICE]}}
  - {url: "s3://%[1]s/closed/", endpoint: lab, mode: iam, import: {users: []}}
`, name)), name
}

func (r *rig) outlook(token, text string) (reply, importer.Outlook) {
	r.t.Helper()
	got := r.do(http.MethodGet, "/s3/lifecycle?url="+url.QueryEscape(text), token, "")
	var o importer.Outlook
	if got.StatusCode == 200 {
		if err := json.Unmarshal([]byte(got.body), &o); err != nil {
			r.t.Fatal(err)
		}
	}
	return got, o
}

// TestLifecycleOfImport: an import tells the rules that are about it, and no
// names that the caller may not know.
func TestLifecycleOfImport(t *testing.T) {
	r, name := lasting(t)
	put(t, r.labServer, name, "p/a", []byte("a"))
	put(t, r.labServer, name, "q/a", []byte("a"))
	for source, want := range map[string]struct{ rules, hidden int }{"p/": {1, 0}, "p/a": {1, 0}, "q/": {0, 0}, "": {1, 1}} {
		got := r.imports(r.alice, fmt.Sprintf(`{"sources":[{"url":"s3://%s/%s"}]}`, name, source))
		if got.done == nil || len(got.done.Lifecycle) != 1 || len(got.done.ObjectLock) != 1 {
			t.Fatalf("%q: %d %s", source, got.StatusCode, got.body)
		}
		l, lock := got.done.Lifecycle[0], got.done.ObjectLock[0]
		if !l.Known || len(l.Rules) != want.rules || l.Hidden != want.hidden || !lock.Known || !lock.Enabled {
			t.Errorf("%q: %+v, %+v", source, l, lock)
		}
		if strings.Contains(got.body, "hush") || strings.Contains(got.body, "secret") {
			t.Errorf("%q tells of a rule for other keys: %s", source, got.body)
		}
		for _, rule := range l.Rules {
			if rule.ID != "old ones" || rule.NoncurrentDays != 30 || !rule.BreaksPins || rule.Prefix != "p/" ||
				rule.Text != "s3://"+name+"/p/"+strings.TrimPrefix(source, "p/")+`: 30 days after a version is overwritten or deleted, the lifecycle rule "old ones" removes it; these pins break then` {
				t.Errorf("%q: %+v", source, rule)
			}
		}
	}
}

// TestLifecycleRoute: it takes the right to import, a whole token and a URL.
func TestLifecycleRoute(t *testing.T) {
	r, name := lasting(t)
	r.lab.Set()
	got, o := r.outlook(r.alice, "s3://"+name+"/p/")
	if got.StatusCode != 200 || len(o.Lifecycle.Rules) != 1 || !o.ObjectLock.Enabled || len(r.lab.Log()) != 2 {
		t.Errorf("%d %s; S3 was asked %v", got.StatusCode, got.body, r.lab.Log())
	}
	r.lab.Set()
	for _, row := range []struct {
		token, url string
		status     int
		word       string
	}{
		{r.bob, "s3://" + name + "/p/", 403, "bucket-not-allowed"},
		{r.alice, "s3://" + name + "/closed/", 403, "bucket-not-allowed"},
		{r.alice, "s3://another-bucket/", 403, "bucket-not-allowed"},
		{r.link, "s3://" + name + "/p/", 403, "scope-needed"},
		{"", "s3://" + name + "/p/", 401, "no-token"},
		{r.alice, "", 400, "bad-request"},
		{r.alice, "http://169.254.169.254/", 400, "bad-request"},
	} {
		got, _ := r.outlook(row.token, row.url)
		r.wantError(got, row.status, row.word)
	}
	if log := r.lab.Log(); len(log) > 0 {
		t.Errorf("S3 was asked %v", log)
	}
	r.wantError(r.do(http.MethodGet, "/s3/lifecycle?url=s3://"+name+"/p/", r.alice, "", "Origin: https://evil.example.org"), 403, "origin-not-allowed")
}

// TestLifecycleUnknown: what S3 does not tell is told as not known, and the
// import is as good as ever.
func TestLifecycleUnknown(t *testing.T) {
	r, name := lasting(t)
	put(t, r.labServer, name, "p/a", []byte("a"))
	request := fmt.Sprintf(`{"sources":[{"url":"s3://%s/p/"}]}`, name)
	for word, do := range map[string]faultproxy.Action{
		"s3-denied":    faultproxy.Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
		"s3-bad-reply": faultproxy.Answer(501, "<Error><Code>NotImplemented</Code></Error>"),
		"s3-slow-down": faultproxy.Answer(503, "<Error><Code>SlowDown</Code></Error>"),
		"s3-not-found": faultproxy.Answer(404, "<html>"),
	} {
		r.lab.Set(faultproxy.Rule{Path: regexp.MustCompile(`\?(lifecycle|object-lock)=`), Do: []faultproxy.Action{do}})
		got := r.imports(r.alice, request)
		if got.done == nil || got.done.Status != "complete" || got.done.Lifecycle[0].Known || got.done.Lifecycle[0].Error != word || got.done.ObjectLock[0].Error != word {
			t.Errorf("%s: %d %s", word, got.StatusCode, got.body)
		}
		if log := r.lab.Log(); len(log) != 4 {
			t.Errorf("%s: S3 was asked %v", word, log)
		}
	}
	r.lab.Set()
	if got := r.imports(r.alice, request); !got.done.Lifecycle[0].Known {
		t.Errorf("control: %s", got.body)
	}
}

// TestOutlookHeaders: HEAD passes on what the one HEAD of S3 told, and content
// form tells nothing of where its bytes are.
func TestOutlookHeaders(t *testing.T) {
	r, name := lasting(t)
	ctx, client, key := t.Context(), r.labServer.Client(t), "p/locked"
	until := time.Now().Add(72 * time.Hour).UTC().Truncate(time.Second)
	out, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &name, Key: &key, Body: bytes.NewReader([]byte("x")),
		ObjectLockMode: types.ObjectLockModeGovernance, ObjectLockRetainUntilDate: &until, ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn})
	if err != nil {
		t.Fatal(err)
	}
	put(t, r.labServer, name, key, []byte("newer"))
	e := pseudoblock.Extent{Object: locator.Object{Bucket: name, Key: key, VersionID: *out.VersionId}, Size: 1}
	r.lab.Set()
	got := r.do(http.MethodHead, "/"+r.locator(e, pseudoblock.Opaque, r.alice), r.alice, "")
	expires, err := time.Parse(time.RFC3339, got.Header.Get("X-Keep-S3-Expires"))
	for header, want := range map[string]string{"Lock-Mode": "GOVERNANCE", "Locked-Until": until.Format(time.RFC3339), "Legal-Hold": "on", "Expires-Rule": "old%20ones"} {
		if h := got.Header.Get("X-Keep-S3-" + header); h != want {
			t.Errorf("%s is %q, want %q", header, h, want)
		}
	}
	if err != nil || time.Until(expires) < 29*24*time.Hour || len(r.lab.Log()) != 1 || got.StatusCode != 200 {
		t.Errorf("%d, expires %v, %v; S3 was asked %v", got.StatusCode, expires, err, r.lab.Log())
	}
	for _, h := range []string{"X-Keep-S3-Expires", "X-Keep-S3-Restored-Until"} {
		if !strings.Contains(got.Header.Get("Access-Control-Expose-Headers"), h) {
			t.Errorf("pages cannot see %s", h)
		}
	}
	r.tellsNothing(http.MethodGet, r.locator(e, pseudoblock.Opaque, r.alice), 200)
	r.tellsNothing(http.MethodHead, r.locator(e, pseudoblock.Opaque, r.bob), 400)
	content := r.imports(r.alice, fmt.Sprintf(`{"sources":[{"url":%q}],"form":"content"}`, e.Object.URL())).files[0].Locator
	r.tellsNothing(http.MethodHead, content, 200)
}

// tellsNothing: an answer has no header about how long the object stays.
func (r *rig) tellsNothing(method, l string, status int) {
	r.t.Helper()
	got := r.do(method, "/"+l, r.alice, "")
	for name := range got.Header {
		if strings.HasPrefix(name, "X-Keep-S3-") {
			r.t.Errorf("%s of %.60s tells %s", method, l, name)
		}
	}
	if got.StatusCode != status {
		r.t.Errorf("%s of %.60s: %d, want %d", method, l, got.StatusCode, status)
	}
}

// TestRestoreHeaders: an object that is being restored cannot be read yet, and
// the answer says that it is. No server here takes time to restore, so a proxy
// puts the headers of AWS into the replies of MinIO. What is malformed is not
// passed on.
func TestRestoreHeaders(t *testing.T) {
	r, name := importing(t)
	o := put(t, r.labServer, name, "cold", []byte("x"))
	l := r.locatorOf(o, r.alice)
	for restore, want := range map[string]struct {
		status int
		header string
		until  string
	}{
		`ongoing-request="true"`: {422, "ongoing", ""},
		`ongoing-request="false", expiry-date="Tue, 01 Dec 2026 00:00:00 GMT"`: {200, "done", "2026-12-01T00:00:00Z"},
		`ongoing-request="false", expiry-date="soon"`:                          {200, "", ""},
		`ongoing-request="maybe"`:                                              {422, "", ""},
	} {
		r.lab.Set(faultproxy.Rule{Method: http.MethodHead, Do: []faultproxy.Action{
			faultproxy.SetHeader("X-Amz-Storage-Class", "GLACIER"), faultproxy.SetHeader("X-Amz-Restore", restore)}})
		got := r.do(http.MethodHead, "/"+l, r.alice, "")
		if h := got.Header; got.StatusCode != want.status || h.Get("X-Keep-S3-Restore") != want.header || h.Get("X-Keep-S3-Restored-Until") != want.until ||
			h.Get("X-Keep-S3-Storage-Class") != "GLACIER" {
			t.Errorf("%s: %d %v", restore, got.StatusCode, h)
		}
	}
}

// TestLifecycleOfRoles: the session of a role asks for the rules with the
// rights of the user, if the role has them.
func TestLifecycleOfRoles(t *testing.T) {
	p := newRoles(t, `access: [{url: "s3://role-lasting/p/", endpoint: own, mode: role, role: "ROLE"}]`+"\n")
	name := p.ownServer.Bucket(t, "role-lasting", true)
	put(t, p.ownServer, name, "p/a", []byte("a"))
	request := `{"sources":[{"url":"s3://role-lasting/p/"}]}`
	p.grantOwn(map[string]string{p.aliceUUID: name + "/p/"})
	if got := p.imports(p.alice, request); got.done == nil || got.done.Lifecycle[0].Error != "s3-denied" || !strings.Contains(got.done.Lifecycle[0].Text, "s3:GetLifecycleConfiguration") {
		t.Errorf("without the right: %d %s", got.StatusCode, got.body)
	}
	p.ownServer.SetIAM(t, testenv.IAM{Policies: map[string]string{"people": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`}})
	eventually(t, "the rules", func() bool {
		got := p.imports(p.alice, request)
		return got.done != nil && got.done.Lifecycle[0].Known && got.done.ObjectLock[0].Known
	})
}
