// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"testing"

	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// TestUnlisted: who may read objects and not list them, by the rights that a
// real server keeps, imports by a list of URLs. It is told what S3 was asked
// for it, and no owner, since HEAD tells none.
func TestUnlisted(t *testing.T) {
	t.Parallel()
	name := bucket(t, servers.MinIO(t))
	p := newPeople(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: token, requester_pays: true}\n", name))
	x, y := put(t, p.labServer, name, "x", []byte("x")), put(t, p.labServer, name, "d/y", []byte("y"))
	user := p.labServer.User(t, "alice")
	allow := func(actions, resource string) string {
		return fmt.Sprintf(`{"Effect":"Allow","Action":[%s],"Resource":["arn:aws:s3:::%s"]}`, actions, resource)
	}
	read := allow(`"s3:GetObject","s3:GetObjectVersion"`, name+"/*")
	rights := func(statements string) {
		p.labServer.SetIAM(t, testenv.IAM{Policies: map[string]string{user.AccessKey: `{"Version":"2012-10-17","Statement":[` + statements + `]}`},
			Attach: map[string]string{user.AccessKey: user.AccessKey}})
	}
	rights(read)
	p.record(p.alice, name, user.AccessKey, user.Secret())
	prefix := fmt.Sprintf(`{"owners":true,"sources":[{"url":"s3://%s/"}]}`, name)
	p.wantError(p.imports(p.alice, prefix).reply, 403, "s3-denied")

	got := p.imports(p.alice, fmt.Sprintf(`{"owners":true,"sources":[{"url":%q},{"url":"s3://%s/d/y"}]}`, x.URL(), name))
	if got.done == nil || got.done.Files != 2 || got.done.Status != "complete" || got.files[1].VersionID != y.VersionID || got.files[0].Owner != "" {
		t.Fatalf("the list gave %+v, %s", got.done, got.body)
	}
	if want := (importer.Requests{Head: 2, Get: 2, RequesterPays: true}); got.done.Requests != want {
		t.Errorf("the requests are %+v, want %+v", got.done.Requests, want)
	}

	rights(read + "," + allow(`"s3:ListBucketVersions"`, name))
	listed := p.imports(p.alice, prefix)
	if listed.done == nil || listed.done.Files != 2 || listed.files[0].Owner == "" {
		t.Fatalf("with the right to list: %+v, %s", listed.done, listed.body)
	}
	if want := (importer.Requests{List: 1, Head: 1, Get: 2, RequesterPays: true}); listed.done.Requests != want {
		t.Errorf("the requests are %+v, want %+v", listed.done.Requests, want)
	}
}
