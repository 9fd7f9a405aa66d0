// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/google/go-cmp/cmp"
)

// Parts of the cases below.
const (
	partIssuer = "\nissuer: {url: \"https://keep.example.org\", key_file: k.pem}\n"
	roleRule   = `{url: "s3://b-1/", endpoint: aws, mode: role, role: "arn:aws:iam::444455556666:role/readers"}`
	tokenRule  = `{url: "s3://b-1/", endpoint: aws, mode: token}`
)

// roleFaults are the cases of roles, issuer and modes token and role.
var roleFaults = map[string]faultCase{
	"no mode":            {partRule, `{url: "s3://b-1/", endpoint: aws}`, `7: access[0].mode: the mode is missing: expected iam, role, token or anonymous`},
	"bad mode":           {partRule, `{url: "s3://b-1/", endpoint: aws, mode: IAM}`, `7: access[0].mode: did you mean iam? It is one of iam, role, token, anonymous`},
	"no role":            {partRule, `{url: "s3://b-1/", endpoint: aws, mode: role}` + partIssuer, `7: access[0].role: the role is missing: mode role needs the ARN of the role that is assumed in the name of each user`},
	"role no issuer":     {partRule, roleRule, `7: access[0].mode: mode role names users to the STS of this endpoint by web tokens, and there is no issuer of them: give issuer.url and issuer.key_file, or say web_identity: false for the endpoint`},
	"token no issuer":    {partRule, tokenRule + "\nroles: {allow: [\"arn:aws:iam::*:role/*\"]}", `7: access[0].mode: mode token names users to the STS of this endpoint by web tokens, and there is no issuer of them: give issuer.url and issuer.key_file, or say web_identity: false for the endpoint`},
	"role anonymous":     {partRule, `{url: "s3://b-1/", endpoint: aws, mode: anonymous, role: "arn:x"}`, `7: access[0].role: role is for modes role and iam: under mode anonymous nothing is signed`},
	"role token":         {partRule, `{url: "s3://b-1/", endpoint: aws, mode: token, role: "arn:x"}`, `7: access[0].role: role is for modes role and iam: under mode token the records of the API server name the roles`},
	"role form":          {partRule, `{url: "s3://b-1/", endpoint: aws, mode: iam, role: "arn:aws:iam::1:role/x"}`, `7: access[0].role: expected the ARN of a role, such as arn:aws:iam::111122223333:role/readers`},
	"role wildcard":      {partRule, strings.Replace(roleRule, "readers", "*", 1) + partIssuer, `7: access[0].role: expected the ARN of a role, such as arn:aws:iam::111122223333:role/readers`},
	"role partition":     {partRule, strings.Replace(roleRule, "arn:aws:", "arn:aws-cn:", 1) + partIssuer, `7: access[0].role: the role is of another AWS partition than the region us-east-1`},
	"role own account":   {partRule, roleRule + partIssuer + `roles: {own_account: "444455556666"}`, `7: access[0].role: this role is in roles.own_account, whose roles are never assumed in the name of users: use a role of another account, or mode iam`},
	"role not allowed":   {partRule, roleRule + partIssuer + `roles: {allow: ["arn:aws:iam::*:role/arvados-*"]}`, `7: access[0].role: roles.allow does not cover this role: add a pattern for it, or name another role`},
	"role of the server": {partRule, roleRule + "\n  - {url: \"s3://b-2/\", endpoint: aws, mode: iam, role: \"arn:aws:iam::444455556666:role/readers\"}" + partIssuer, `7: access[0].role: a rule of mode iam assumes this role for the server itself, so it is never assumed in the name of users: use another role`},
	"role open STS":      {partEndpoint + "\naccess:\n  - " + partRule, "aws: {region: us-east-1, sts_url: \"http://sts.lab\"}\naccess:\n  - " + roleRule + partIssuer, `7: access[0].endpoint: the STS of this endpoint must be reached by https: web tokens and the keys of sessions go there and back as they are (http is for this machine only): give sts_url`},
	"role long prefix":   {partRule, strings.Replace(roleRule, "s3://b-1/", "s3://b-1/"+strings.Repeat("a", 512)+"/", 1) + partIssuer, `7: access[0].url: where roles are assumed a prefix has at most 512 bytes, since each session is narrowed to it`},
	"role import":        {partRule, strings.Replace(roleRule, "}", `, import: {users: ["*"]}}`, 1) + partIssuer, `7: access[0].import: import is for mode iam only: under mode role S3 decides who may import`},
	"own account":        {"", `roles: {own_account: me}`, `8: roles.own_account: an AWS account id has 12 digits; put it into quotes`},
	"allow":              {"", `roles: {allow: ["*"]}`, `8: roles.allow[0]: expected the ARN of a role in which * may stand for a part, such as arn:aws:iam::*:role/arvados-*`},
	"issuer no url":      {"", `issuer: {key_file: k.pem}`, `8: issuer.url: the URL of the issuer is missing: give the address at which the STS finds this server`},
	"issuer audience":    {"", `issuer: {audience: x}`, `8: issuer.url: the URL of the issuer is missing: give the address at which the STS finds this server`},
	"issuer no key":      {"", `issuer: {url: "https://x"}`, `8: issuer.key_file: the key file of the issuer is missing: name a file; it is made when it does not exist`},
	"issuer http":        {"", `issuer: {url: "http://keep.example.org", key_file: k.pem}`, `8: issuer.url: the issuer must use https: who can change what it publishes can be any user to the STS (http is for this machine only)`},
	"issuer path":        {"", `issuer: {url: "https://keep.example.org/x", key_file: k.pem}`, `8: issuer.url: expected scheme, host and port only, without a path, query or fragment`},
	"issuer spaces":      {"", `issuer: {url: "https://x", key_file: k.pem, audience: "a b"}`, `8: issuer.audience: the audience is of 1 to 255 characters without spaces, such as sts.amazonaws.com`},
	"sts path":           {partEndpoint, `aws: {region: r, sts_url: "https://x/y"}`, `5: endpoints.aws.sts_url: expected scheme, host and port only, without a path, query or fragment`},
	"web identity":       {partEndpoint, `aws: {region: r, web_identity: no}`, `5: endpoints.aws.web_identity: expected true or false`},
	"regions url":        {partEndpoint, `aws: {region: r, url: "http://x", regions: [s]}`, `5: endpoints.aws.regions[0]: regions are for AWS only: this endpoint has a URL, and so one place`},
	"regions twice":      {partEndpoint, `aws: {region: us-east-1, regions: [eu-west-1, us-east-1]}`, `5: endpoints.aws.regions[1]: this region is here twice`},
	"regions partition":  {partEndpoint, `aws: {region: us-east-1, regions: [cn-north-1]}`, `5: endpoints.aws.regions[0]: this region is of another AWS partition than us-east-1, where its credentials are unknown: make another endpoint`},
}

// TestRoleRules: what rules say about roles arrives.
func TestRoleRules(t *testing.T) {
	c := mustLoad(t, `
cluster_id: zzzzz
api: {url: "https://zzzzz.example.org"}
blob_signing: {key: hunter2}
issuer: {url: "http://127.0.0.1:25107", key_file: issuer.pem}
roles: {own_account: "111122223333", allow: ["arn:aws:iam::*:role/arvados-*", "arn:minio:iam:*::role/*"]}
endpoints:
  aws: {region: us-east-1, regions: [eu-west-1, us-west-2], sts_url: "https://sts.us-east-1.amazonaws.com"}
  lab: {url: "https://minio.lab:9000", region: us-east-1, web_identity: false, sts_url: "https://sts.lab:9001"}
access:
  - {url: "s3://b-1/", endpoint: aws, mode: role, role: "arn:aws:iam::444455556666:role/arvados-readers"}
  - {url: "s3://b-2/", endpoint: lab, mode: role, role: "arn:minio:iam:us-east-1::role/idmp-readers"}
  - {url: "s3://b-3/", endpoint: lab, mode: token}
  - {url: "s3://b-4/", endpoint: aws, mode: iam, role: "arn:aws:iam::111122223333:role/own"}
`)
	if diff := cmp.Diff(Issuer{"http://127.0.0.1:25107", "/etc/issuer.pem", "sts.amazonaws.com"}, c.Issuer); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Roles{"111122223333", []string{"arn:aws:iam::*:role/arvados-*", "arn:minio:iam:*::role/*"}}, c.Roles); diff != "" {
		t.Error(diff)
	}
	aws, lab := c.Endpoints["aws"], c.Endpoints["lab"]
	if aws.NoWebIdentity || !lab.NoWebIdentity || lab.STSURL != "https://sts.lab:9001" || !cmp.Equal(aws.Regions, []string{"eu-west-1", "us-west-2"}) {
		t.Errorf("got endpoints %+v and %+v", aws, lab)
	}
	want := []creds.Rule{
		{Bucket: "b-1", Endpoint: aws, Mode: creds.Role, Role: "arn:aws:iam::444455556666:role/arvados-readers"},
		{Bucket: "b-2", Endpoint: lab, Mode: creds.Role, Role: "arn:minio:iam:us-east-1::role/idmp-readers"},
		{Bucket: "b-3", Endpoint: lab, Mode: creds.Token},
		{Bucket: "b-4", Endpoint: aws, Mode: creds.IAM, Role: "arn:aws:iam::111122223333:role/own"},
	}
	if diff := cmp.Diff(want, c.Rules); diff != "" {
		t.Error(diff)
	}
}

// TestPersonalUnsigned: S3 decides about readers in personal modes, so these
// need no permission signatures. Roles need the cluster id.
func TestPersonalUnsigned(t *testing.T) {
	text := strings.NewReplacer(partSigning, "", partRule, tokenRule).Replace(base)
	mustLoad(t, text)
	role := strings.NewReplacer("cluster_id: zzzzz\n", "", partRule, roleRule).Replace(base) + partIssuer
	const want = "keepstore.yml:6: access[0].mode: roles need the cluster id, which is a part of what names users to an STS: give cluster_id"
	if _, err := loadText(t, role); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	mustLoad(t, "cluster_id: zzzzz\n"+role)
}

// TestOwnAccountNeeded: roles that are assumed with the server's own AWS
// credentials need to know which account is its own.
func TestOwnAccountNeeded(t *testing.T) {
	text := strings.NewReplacer(partEndpoint, `aws: {region: us-east-1, web_identity: false}`, partRule, roleRule).Replace(base)
	const want = "keepstore.yml:7: access[0].mode: mode role assumes roles with the credentials of this server here (web_identity: false): " +
		"say in roles.own_account which AWS account is its own, whose roles are never assumed in the name of users"
	if _, err := loadText(t, text); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	mustLoad(t, text+`roles: {own_account: "111122223333"}`)
}

// TestStandaloneIssuer: standalone mode has a place for the keys.
func TestStandaloneIssuer(t *testing.T) {
	b := &builder{dir: "/etc", read: files(t).read, provided: Standalone()}
	c, err := b.load("keepstore.yml", []byte(`issuer: {url: "http://localhost:25107"}`))
	if err != nil || c.Issuer.KeyFile == "" {
		t.Errorf("got %v, %v", c, err)
	}
}
