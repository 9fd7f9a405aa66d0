// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/role"
	"github.com/arvados-s3/keepstore/creds/sts"
	"github.com/arvados-s3/keepstore/locator"
)

// trusting is a double of an STS, over HTTP. No server that runs here looks at
// sts:ExternalId: Ceph's gateway refuses every role whose trust policy has
// that condition, moto does not read trust policies, and MinIO has no roles.
// The double knows the external id that each role wants, as AWS does.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func trusting(t *testing.T, wanted map[string]string) *creds.Endpoint {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arn, name := r.PostFormValue("RoleArn"), r.PostFormValue("RoleSessionName")
		id, known := wanted[arn]
		if r.PostFormValue("Action") != "AssumeRole" || !known || r.PostFormValue("ExternalId") != id || !strings.Contains(r.Header.Get("Authorization"), "Credential=OWN/") {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>`)
			_ = xml.EscapeText(w, []byte("no "+arn+" for "+name+" with "+r.PostFormValue("ExternalId")))
			fmt.Fprint(w, `</Message></Error></ErrorResponse>`)
			return
		}
		assumed := strings.Replace(strings.Replace(arn, ":iam:", ":sts:", 1), ":role/", ":assumed-role/", 1) + "/" + name
		fmt.Fprintf(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
			<SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials><AssumedRoleUser><Arn>%s</Arn><AssumedRoleId>x</AssumedRoleId></AssumedRoleUser>
			</AssumeRoleResult></AssumeRoleResponse>`, name, time.Now().Add(15*time.Minute).UTC().Format(time.RFC3339), assumed)
	}))
	t.Cleanup(s.Close)
	return &creds.Endpoint{Name: "aws", Region: "us-east-1", URL: s.URL, NoWebIdentity: true}
}

// TestDeputy is case T-01: alice's role trusts this server for alice. Bob
// names it in a record of his own, and is refused, since the id that is sent
// is his.
func TestDeputy(t *testing.T) {
	signer, err := locator.NewSigner([]byte("the key of the cluster"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	id := role.NewExternalIDs(signer.Derive(role.ExternalIDLabel), "zzzzz")
	const hers, his, anyones, servers = "arn:aws:iam:::role/hers", "arn:aws:iam:::role/his", "arn:aws:iam:::role/bare", "arn:aws:iam:::role/own"
	rule := &creds.Rule{Bucket: "b-1", Mode: creds.Token, Endpoint: trusting(t, map[string]string{
		hers: id(alice), his: id(bob), anyones: alice, servers: id(role.ServerName)})}
	s := newSource(t, sts.New(sts.Options{}), func(o *role.Options) {
		o.ExternalID, o.Allow = id, []string{"arn:aws:iam::*:role/*"}
	})
	for _, c := range []struct{ role, user, want string }{
		{hers, alice, alice}, {hers, bob, "sts-refused"},
		{his, bob, bob}, {his, alice, "sts-refused"},
		{anyones, alice, "sts-refused"}, // the UUID is not the id
		{servers, alice, "sts-refused"},
	} {
		got, err := s.Assume(t.Context(), rule, c.role, person(c.user), "a record")
		if err != nil {
			t.Fatal(err)
		}
		want(t, got.Provider, c.want)
		if _, err := got.Provider.Retrieve(t.Context()); err != nil && (strings.Contains(err.Error(), "arn:") || strings.Contains(err.Error(), id(c.user))) {
			t.Errorf("the error tells too much: %v", err)
		}
	}
	own := &creds.Rule{Bucket: "b-1", Mode: creds.IAM, Role: servers, Endpoint: rule.Endpoint}
	want(t, provider(t, s.Server(), own, person(alice)), role.ServerName)
}
