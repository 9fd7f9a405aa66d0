// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds/issuer"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// peopleRig is a rig with a MinIO server that trusts its issuer and lets each
// user into a folder of bucket people. rule is the rest of the access rule, in
// which ROLE stands for MinIO's role; more are further settings.
func peopleRig(t *testing.T, rule, more string) *rig {
	t.Helper()
	r := newRig(t, "")
	r.wantError(r.do(http.MethodGet, issuer.DiscoveryPath, "", ""), 404, "disabled")
	settings := fmt.Sprintf("issuer: {url: %q, key_file: issuer.pem}\n", r.url)
	r.reloadWith(settings)
	r.wantStatus(r.do(http.MethodGet, issuer.DiscoveryPath, "", ""), 200)
	minio := testenv.MinIOWithIssuer(t, testenv.OpenID{ConfigURL: r.url + issuer.DiscoveryPath, Audience: "sts.amazonaws.com", Policies: []string{"own-folder"}})
	minio.SetIAM(t, testenv.IAM{Policies: map[string]string{"own-folder": fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::people"]},
		{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::people/alice/*"],"Condition":{"StringEquals":{"jwt:sub":"%[1]s:%[2]s"}}},
		{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::people/bob/*"],"Condition":{"StringEquals":{"jwt:sub":"%[1]s:%[3]s"}}}]}`,
		r.api.ClusterID(), r.aliceUUID, r.bobUUID)}})
	minio.Bucket(t, "people", true)
	for _, name := range []string{"alice", "bob"} {
		put(t, minio, "people", name+"/x", []byte("of "+name))
	}
	r.minioRole = minio.RoleARN
	r.reloadWith(fmt.Sprintf("  people: {url: %q, region: %s, path_style: true}\n%s%saccess:\n  - {url: \"s3://people/\", endpoint: people, %s}\n",
		minio.URL, testenv.Region, settings, more, strings.ReplaceAll(rule, "ROLE", minio.RoleARN)))
	return r
}

// importsFolder imports the one object of the named user's folder.
func (r *rig) importsFolder(token, name string) imported {
	return r.imports(token, fmt.Sprintf(`{"sources":[{"url":"s3://people/%s/x"}]}`, name))
}

// TestRoleForEachUser: the server names its users to MinIO's STS by tokens
// that MinIO checks against what the server publishes. Each of two users of
// one rule sees what MinIO's policy gives to them. A reload begins with the
// issuer, before which there was none.
func TestRoleForEachUser(t *testing.T) {
	r := peopleRig(t, `mode: role, role: "ROLE"`, "")
	for _, who := range []struct{ token, own, other string }{{r.alice, "alice", "bob"}, {r.bob, "bob", "alice"}} {
		if got := r.importsFolder(who.token, who.own); got.done == nil || got.done.Files != 1 {
			t.Errorf("%s imports: %+v", who.own, got)
		}
		r.wantError(r.importsFolder(who.token, who.other).reply, 403, "s3-denied")
	}
	file := r.importsFolder(r.alice, "alice").files[0].Locator
	if got := r.get(file, r.alice); got.StatusCode != 200 || got.body != "of alice" {
		t.Errorf("alice reads %d %q", got.StatusCode, got.body)
	}
	r.wantError(r.get(file, r.bob), 403, "s3-denied")
	if log := r.log.String(); strings.Contains(log, "eyJ") {
		t.Error("the log has a token")
	}
}

// TestRoleOfRecord: under mode token a record names the role. Alice has a
// record and bob has none.
func TestRoleOfRecord(t *testing.T) {
	r := peopleRig(t, "mode: token", "roles: {allow: [\"arn:minio:iam:*::role/*\"]}\n")
	r.addRecord(r.alice, r.minioRole)
	if got := r.importsFolder(r.alice, "alice"); got.done == nil || got.done.Files != 1 {
		t.Errorf("alice imports: %+v", got)
	}
	r.wantError(r.importsFolder(r.alice, "bob").reply, 403, "s3-denied")
	r.wantError(r.importsFolder(r.bob, "bob").reply, 403, "creds-missing")
}

// addRecord stores a record that names a role.
func (r *rig) addRecord(token, role string) {
	r.t.Helper()
	body := fmt.Sprintf(`{"credential":{"name":"role","credential_class":"aws_iam_role","external_id":%q,"secret":"none","scopes":["s3://people"],"expires_at":"2099-01-01T00:00:00Z"}}`, role)
	q, err := http.NewRequest(http.MethodPost, r.apiHTTP.URL+"/arvados/v1/credentials", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Content-Type", "application/json")
	got, err := r.client.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer got.Body.Close()
	if text, _ := io.ReadAll(got.Body); got.StatusCode != 200 {
		r.t.Fatalf("%s: %s", got.Status, text)
	}
}

// reloadWith writes the configuration and waits until it is in force.
func (r *rig) reloadWith(text string) {
	r.t.Helper()
	before := strings.Count(r.log.String(), `"reloaded"`)
	r.write(text)
	r.reload <- nil
	for strings.Count(r.log.String(), `"reloaded"`) == before {
		if strings.Contains(r.log.String(), "reload refused") {
			r.t.Fatal(r.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (r *rig) wantStatus(got reply, status int) {
	r.t.Helper()
	if got.StatusCode != status {
		r.t.Errorf("got %d %q, want %d", got.StatusCode, got.body, status)
	}
}
