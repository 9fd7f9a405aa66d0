// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// missingRights are what the report says where a user lacks rights. With both,
// or without the one that a URL with a version does not take, it is readable.
var missingRights = []struct {
	rights    string
	byVersion bool
	want      string
}{
	{"s3:GetObject,s3:GetObjectVersion", false, ""},
	{"s3:GetObject,s3:GetObjectVersion", true, ""},
	{"s3:GetObjectVersion", true, ""},
	{"s3:GetObject", false, "(s3:GetObject), but not the same version by its id, as every read asks for it: ask the owner of the bucket to grant s3:GetObjectVersion"},
	{"s3:GetObject", true, "ask the owner of the bucket to grant s3:GetObjectVersion"},
	{"s3:GetObjectVersion", false, "ask the owner of the bucket to grant s3:GetObject ("},
}

// wantRights asks about an object of endpoint for each of missingRights.
// allow gives the user the rights.
func (p *people) wantRights(server *testenv.Server, name string, allow func(rights string)) {
	p.t.Helper()
	o := put(p.t, server, name, "x", []byte("0123456789"))
	for _, c := range missingRights {
		allow(c.rights)
		url := o.URL()
		if !c.byVersion {
			url = "s3://" + name + "/x"
		}
		_, report := p.explain(p.alice, url)
		last := report.Steps[len(report.Steps)-1]
		if last.Step != "s3" || last.OK != (c.want == "") || !strings.Contains(last.Text, c.want) || !last.OK && report.Error != "s3-denied" {
			p.t.Errorf("%s, by version %t: %+v", c.rights, c.byVersion, last)
		}
	}
}

// TestExplainRights is on a double: of the servers that always run here, none
// tells s3:GetObject from s3:GetObjectVersion. The proxy before MinIO refuses
// each HEAD for which the right is missing. TestCephExplainRights is the same
// on a server that tells them apart.
func TestExplainRights(t *testing.T) {
	t.Parallel()
	name := bucket(t, servers.MinIO(t))
	p := newPeople(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: token}\n", name))
	user := p.labServer.User(t, "alice")
	user.AllowRead(t, name, "")
	p.record(p.alice, name, user.AccessKey, user.Secret())
	p.wantRights(p.labServer, name, func(rights string) {
		paths := map[string]string{"s3:GetObject": `/x\??$`, "s3:GetObjectVersion": `/x\?versionId=`}
		var rules []faultproxy.Rule
		for right, path := range paths {
			if !strings.Contains(","+rights+",", ","+right+",") {
				rules = append(rules, faultproxy.Rule{Method: "HEAD", Path: regexp.MustCompile(path), Do: []faultproxy.Action{faultproxy.Answer(403, "")}})
			}
		}
		p.lab.Set(rules...)
	})
}

// TestCephExplainRights is TestExplainRights with bucket policies of a server
// that tells the two rights apart, as AWS does.
func TestCephExplainRights(t *testing.T) {
	t.Parallel()
	if !testenv.WithCephRGW() {
		return // "make test" says that Ceph is left out, and why
	}
	ceph := servers.CephRGW(t)
	name := bucket(t, ceph)
	p := preparePeople(t)
	p.head += fmt.Sprintf("  ceph: {url: %q, %s}\n", ceph.URL, ownKeys())
	p.write(fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: ceph, mode: token}\n", name))
	p.serve()
	user := ceph.User(t, "alice")
	p.record(p.alice, name, user.AccessKey, user.Secret())
	p.wantRights(ceph, name, func(rights string) {
		policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/%s"]},"Action":["%s"],"Resource":["arn:aws:s3:::%s/*"]}]}`,
			user.AccessKey, strings.ReplaceAll(rights, ",", `","`), name)
		if _, err := ceph.Client(t).PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: &policy}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestExplainEnds: the end that is told is that of the record or of the
// session, and not that of our memory of a minute.
func TestExplainEnds(t *testing.T) {
	t.Parallel()
	const own = "ends"
	name := bucket(t, servers.MinIO(t))
	p := newRoles(t, fmt.Sprintf(`access:
  - {url: "s3://%s/", endpoint: lab, mode: token}
  - {url: "s3://%s/", endpoint: own, mode: role, role: "ROLE"}
`, name, own))
	p.ownServer.Bucket(t, own, true)
	p.grantOwn(map[string]string{p.aliceUUID: own + "/"})
	user := p.labServer.User(t, "alice")
	user.AllowRead(t, name, "")
	uuid := p.record(p.alice, name, user.AccessKey, user.Secret())
	record := p.arvados("GET", "credentials/"+uuid, p.alice, nil)
	put(t, p.labServer, name, "x", []byte("x"))
	put(t, p.ownServer, own, "x", []byte("x"))
	told := func(bucket string) time.Time {
		t.Helper()
		got, report := p.explain(p.alice, "s3://"+bucket+"/x")
		if !report.Readable {
			t.Fatal(got.body)
		}
		_, text, _ := strings.Cut(report.Steps[4].Text, "work until ")
		ends, err := time.Parse(time.RFC3339, strings.TrimSuffix(text, " at the latest"))
		if err != nil {
			t.Errorf("the step of the session says %q", report.Steps[4].Text)
		}
		return ends
	}
	want, err := time.Parse(time.RFC3339, fmt.Sprint(record["expires_at"]))
	if got := told(name); err != nil || !got.Equal(want.Truncate(time.Second)) {
		t.Errorf("the record ends at %v, and not at %v (%v)", got, record["expires_at"], err)
	}
	if left := time.Until(told(own)); left < 10*time.Minute || left > 16*time.Minute {
		t.Errorf("the session ends in %v", left)
	}
}
