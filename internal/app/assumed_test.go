// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"testing"

	"github.com/arvados-s3/keepstore/creds/role"
	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// TestAssumedRoles: the golden traces of roles that are assumed with keys and
// an external id, for the server itself and for a user, on a server that has
// roles. Each takes one call of the STS, and warm reads take none.
func TestAssumedRoles(t *testing.T) {
	t.Parallel()
	if !testenv.WithCephRGW() {
		return // "make test" says that Ceph is left out, and why
	}
	const name, read = "assumed", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":["arn:aws:s3:::assumed/*"]}]}`
	ours := testenv.CephRole{Trust: "arn:aws:iam:::user/owner", Policy: read}
	ceph := testenv.CephRGWWithRoles(t, map[string]testenv.CephRole{"servers": ours, "users": ours})
	s3, sts := faultproxy.New(t, ceph.URL), faultproxy.New(t, ceph.URL)
	p := preparePeople(t)
	p.head += fmt.Sprintf("  ceph: {url: %q, sts_url: %q, web_identity: false, %s}\n", s3.URL(), sts.URL(), ownKeys())
	p.write(fmt.Sprintf("access:\n  - {url: \"s3://%[1]s/iam/\", endpoint: ceph, mode: iam, role: \"arn:aws:iam:::role/servers\"}\n"+
		"  - {url: \"s3://%[1]s/role/\", endpoint: ceph, mode: role, role: \"arn:aws:iam:::role/users\"}\n", name))
	p.serve()
	ceph.Bucket(t, name, true)
	for mode, who := range map[string]string{"iam": role.ServerName, "role": p.aliceUUID} {
		o := put(t, ceph, name, mode+"/x", []byte("0123456789"))
		l := p.locator(pseudoblock.Extent{Object: o, Offset: 2, Size: 5}, pseudoblock.Derived, p.alice)
		sts.Set()
		if good := p.together(50, l, p.alice); good != 50 {
			t.Fatalf("mode %s: %d of 50 reads succeeded: %q", mode, good, p.get(l, p.alice).body)
		}
		id, err := app.ExternalID(p.config, who)
		if err != nil {
			t.Fatal(err)
		}
		calls := sts.Log()
		if len(calls) != 1 {
			t.Fatalf("mode %s: 50 reads called the STS %d times", mode, len(calls))
		}
		if form := parseForm(t, calls[0].Body); form.Get("ExternalId") != id || form.Get("Policy") == "" || form.Get("DurationSeconds") != "900" || calls[0].AccessKey != testenv.AccessKey {
			t.Errorf("mode %s: the STS was asked %v with the key %s", mode, form, calls[0].AccessKey)
		}
		p.forget()
		s3.Set()
		got := p.get(l, p.alice)
		if log := s3.Log(); got.body != "23456" || len(log) != 1 || log[0].AccessKey == testenv.AccessKey || len(sts.Log()) != 1 || len(p.asked.Log()) != 0 {
			t.Errorf("mode %s: %d %q, S3 was asked %v, the STS %d times, the API server %v", mode, got.StatusCode, got.body, log, len(sts.Log()), p.asked.Log())
		}
	}
}
