// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// CephRGWWithIssuer starts a Ceph object gateway for one test, with one role
// that holders of tokens of an OpenID provider may assume. Unlike MinIO it
// checks the issuer, and it takes the keys from certificates (x5c), of which it
// wants the SHA-1.
func CephRGWWithIssuer(t testing.TB, issuer, audience, fingerprint string) *Server {
	t.Helper()
	s := startCeph(t, t.TempDir(), "rgw sts key = abcdefghijklmnop\nrgw s3 auth use sts = true\n")
	t.Cleanup(s.stop)
	s.RoleARN, s.audience = "arn:aws:iam:::role/reader", audience
	host := strings.TrimPrefix(issuer, "http://")
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],
		"Principal":{"Federated":["arn:aws:iam:::oidc-provider/` + host + `"]},
		"Condition":{"StringEquals":{"` + host + `:app_id":"` + audience + `"}}}]}`
	s.iamAction(t, "CreateOpenIDConnectProvider", url.Values{"Url": {issuer},
		"ClientIDList.member.1": {audience}, "ThumbprintList.member.1": {fingerprint}})
	s.iamAction(t, "CreateRole", url.Values{"RoleName": {"reader"}, "Path": {"/"}, "AssumeRolePolicyDocument": {trust}})
	return s
}

// iamAction makes one call of the IAM API.
func (s *Server) iamAction(t testing.TB, action string, query url.Values) {
	t.Helper()
	query.Set("Action", action)
	query.Set("Version", "2010-05-08")
	if answer := s.send(t, http.MethodPost, "/?"+query.Encode(), "", ""); !strings.Contains(answer, "<"+action+"Response>") {
		t.Fatalf("%s of %s answered: %s", action, s.Name, answer)
	}
}

// CephRole is a role of a Ceph object gateway.
type CephRole struct {
	// Trust is who may assume it, as the ARN of a user.
	Trust string
	// Condition is that of the trust policy, as JSON, or empty.
	Condition string
	// Policy is what it may do, as JSON.
	Policy string
}

// CephRGWWithRoles starts a Ceph object gateway for one test, whose owner,
// "arn:aws:iam:::user/owner", may assume the roles that trust it.
func CephRGWWithRoles(t testing.TB, roles map[string]CephRole) *Server {
	t.Helper()
	s := startCeph(t, t.TempDir(), "rgw sts key = abcdefghijklmnop\nrgw s3 auth use sts = true\n")
	t.Cleanup(s.stop)
	for name, r := range roles {
		condition := ""
		if r.Condition != "" {
			condition = `,"Condition":` + r.Condition
		}
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole"],"Principal":{"AWS":["` + r.Trust + `"]}` + condition + `}]}`
		s.iamAction(t, "CreateRole", url.Values{"RoleName": {name}, "Path": {"/"}, "AssumeRolePolicyDocument": {trust}})
		s.iamAction(t, "PutRolePolicy", url.Values{"RoleName": {name}, "PolicyName": {"rights"}, "PolicyDocument": {r.Policy}})
	}
	return s
}
