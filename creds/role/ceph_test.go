// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/role"
	"github.com/arvados-s3/keepstore/creds/sts"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// TestCephAssumeRole: AssumeRole on a server that has roles. It gives sessions
// of the role asked for, which are as narrow as the session policy says, and
// refuses roles that do not trust us.
func TestCephAssumeRole(t *testing.T) {
	if !testenv.WithCephRGW() {
		return // "make test" says that Ceph is left out, and why
	}
	const all = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`
	const ours = "arn:aws:iam:::user/owner"
	server := testenv.CephRGWWithRoles(t, map[string]testenv.CephRole{
		"readers": {Trust: ours, Policy: all},
		"foreign": {Trust: "arn:aws:iam:::user/somebody", Policy: all},
		// Ceph does not know sts:ExternalId, so this one is nobody's. It would
		// be alice's elsewhere: see TestDeputy.
		"hers": {Trust: ours, Policy: all, Condition: `{"StringEquals":{"sts:ExternalId":"` + externalID(alice) + `"}}`},
	})
	for _, bucket := range []string{"shared", "other"} {
		server.Bucket(t, bucket, true)
		put(t, server, bucket, "alice/x")
		put(t, server, bucket, "bob/x")
	}
	s := newSource(t, sts.New(sts.Options{}), func(o *role.Options) { o.Own = owner{server} })
	rule := func(name, prefix string) *creds.Rule {
		e := server.Endpoint("")
		e.NoWebIdentity = true
		return &creds.Rule{Bucket: "shared", Prefix: prefix, Endpoint: e, Mode: creds.Role, Role: "arn:aws:iam:::role/" + name}
	}
	for _, name := range []string{"foreign", "hers", "missing"} {
		want(t, provider(t, s, rule(name, ""), person(alice)), "sts-refused")
	}
	wide := clientOf(t, server, provider(t, s, rule("readers", ""), person(alice)))
	narrow := clientOf(t, server, provider(t, s, rule("readers", "alice/"), person(alice)))
	iam := rule("readers", "")
	iam.Mode = creds.IAM
	own := clientOf(t, server, provider(t, s.Server(), iam, person(bob)))
	write := func(c *s3.Client) bool {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("shared"), Key: aws.String("alice/x"), Body: strings.NewReader("x")})
		return err == nil
	}
	for what, c := range map[string]struct{ got, want bool }{
		"wide read":           {get(wide, "shared", "bob/x") == "ok", true},
		"wide list":           {list(wide, "shared", "") == "ok", true},
		"wide write":          {write(wide), false},
		"another bucket":      {get(wide, "other", "alice/x") == "ok", false},
		"narrow read":         {get(narrow, "shared", "alice/x") == "ok", true},
		"narrow list":         {list(narrow, "shared", "alice/") == "ok", true},
		"narrow other prefix": {get(narrow, "shared", "bob/x") == "ok", false},
		"narrow other list":   {list(narrow, "shared", "bob/") == "ok", false},
		"own role reads":      {get(own, "shared", "bob/x") == "ok", true},
		"own role writes":     {write(own), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", what, c.got)
		}
	}
}
