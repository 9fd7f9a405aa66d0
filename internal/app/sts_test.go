// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/creds/issuer"
	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// stsError is an error as an STS writes it.
func stsError(status int, code, message string) faultproxy.Action {
	return faultproxy.Answer(status, fmt.Sprintf(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, code, message))
}

// echo answers with an error that repeats all that was sent.
func echo(r *faultproxy.Reply) {
	stsError(403, "AccessDenied", strings.ReplaceAll(r.Asked.Body, "&", "&amp;"))(r)
}

// ahead is an answer by a clock that is ahead of ours (T-10).
func ahead(by time.Duration, do faultproxy.Action) faultproxy.Action {
	return func(r *faultproxy.Reply) {
		do(r)
		r.Header.Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
	}
}

// TestFaultySTS is T-11: each fault of the STS gets its status, nothing that
// was sent comes back, S3 is not asked, and nobody else notices.
func TestFaultySTS(t *testing.T) {
	t.Parallel()
	const own = "role-faults"
	p := newRoles(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: own, mode: role, role: \"ROLE\"}\nlog: {level: debug}\n", own))
	p.ownServer.Bucket(t, own, true)
	l := p.whole(put(t, p.ownServer, own, "x", []byte("x")), 1)
	p.grantOwn(map[string]string{p.aliceUUID: own + "/"})
	canary := faultproxy.NewCanary(t)
	expiration := regexp.MustCompile(`<Expiration>[^<]*</Expiration>`)
	expires := func(when string) faultproxy.Action {
		return faultproxy.Body(func(b []byte) []byte { return expiration.ReplaceAll(b, []byte("<Expiration>"+when+"</Expiration>")) })
	}
	calls := map[string]int{}
	for what, row := range map[string]struct {
		do     faultproxy.Action
		status int
		word   string
	}{
		"denied":             {stsError(403, "AccessDenied", "User is not authorized"), 403, "sts-refused"},
		"denied, with echo":  {echo, 403, "sts-refused"},
		"bad token":          {stsError(400, "InvalidIdentityToken", "No OpenIDConnect provider found"), 403, "sts-refused"},
		"bad parameter":      {stsError(400, "InvalidParameterValue", "nonsense"), 403, "sts-refused"},
		"token expired":      {stsError(400, "ExpiredTokenException", "Token is expired"), 503, "clock-skew"},
		"clock far ahead":    {ahead(10*time.Minute, stsError(400, "ExpiredTokenException", "Token is expired")), 503, "clock-skew"},
		"throttled":          {stsError(400, "Throttling", "Rate exceeded"), 503, "creds-unavailable"},
		"too many":           {faultproxy.Answer(429, ""), 503, "creds-unavailable"},
		"down":               {faultproxy.Answer(503, "<html>"), 503, "creds-unavailable"},
		"reset":              {faultproxy.ResetAt(faultproxy.BeforeHeaders), 503, "creds-unavailable"},
		"HTML":               {faultproxy.Answer(200, "<html><body>Welcome</body></html>"), 503, "creds-unavailable"},
		"a huge page":        {faultproxy.Answer(403, strings.Repeat("x", 64<<20)), 403, "sts-refused"},
		"redirect":           {faultproxy.Redirect(307, canary.URL()), 503, "creds-unavailable"},
		"other redirect":     {faultproxy.Redirect(302, canary.URL()), 503, "creds-unavailable"},
		"expired long ago":   {expires("2001-01-01T00:00:00Z"), 503, "clock-skew"},
		"expires at no time": {expires("tomorrow"), 503, "creds-unavailable"},
	} {
		_, token := p.user(fmt.Sprintf("somebody%d", number.Add(1)))
		p.forget()
		p.sts.Set(faultproxy.Rule{Do: []faultproxy.Action{row.do}})
		got := p.get(l, token)
		if got.StatusCode != row.status || got.Header.Get("X-Keep-Error") != row.word {
			t.Errorf("%s: got %d %s %q, want %d %s", what, got.StatusCode, got.Header.Get("X-Keep-Error"), got.body, row.status, row.word)
		}
		if log := p.s3(); len(log) != 0 {
			t.Errorf("%s: S3 was asked %v", what, log)
		}
		if strings.Contains(got.body, "eyJ") || strings.Contains(got.body, p.ownServer.RoleARN[len("arn:minio:iam:"):]) {
			t.Errorf("%s: the answer tells too much: %s", what, got.body)
		}
		calls[what] = len(p.sts.Log())
	}
	for what, n := range calls {
		if n > 4 || n > 1 && strings.HasPrefix(what, "denied") {
			t.Errorf("%s: the STS was asked %d times", what, n)
		}
	}
	p.forget()
	if got := p.get(l, p.alice); got.StatusCode != 200 {
		t.Errorf("without a fault: %d %q", got.StatusCode, got.body)
	}
	if text := p.log.String(); strings.Contains(text, "eyJ") {
		t.Errorf("a token was logged: …%s…", text[max(0, strings.Index(text, "eyJ")-200):][:300])
	}
}

// stsKeys catches the temporary keys that the STS gives.
func (p *people) stsKeys() *aws.Credentials {
	keys := &aws.Credentials{}
	p.sts.Set(faultproxy.Rule{Do: []faultproxy.Action{p.sessions.note, func(r *faultproxy.Reply) {
		var reply struct {
			Keys struct {
				ID      string `xml:"AccessKeyId"`
				Secret  string `xml:"SecretAccessKey"`
				Session string `xml:"SessionToken"`
			} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
		}
		if xml.Unmarshal(r.Body, &reply) == nil {
			keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken = reply.Keys.ID, reply.Keys.Secret, reply.Keys.Session
		}
	}}})
	return keys
}

// TestSessionsAreNarrow is T-04: a session reads what its rule is about, and
// can do nothing else, although the role lets the user do everything.
func TestSessionsAreNarrow(t *testing.T) {
	t.Parallel()
	const own, other = "narrow", "narrow-other"
	p := newRoles(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/in/\", endpoint: own, mode: role, role: \"ROLE\"}\n", own))
	p.ownServer.Bucket(t, own, true)
	p.ownServer.Bucket(t, other, true)
	p.ownServer.SetIAM(t, testenv.IAM{Policies: map[string]string{"people": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`}})
	in := put(t, p.ownServer, own, "in/x", []byte("x"))
	put(t, p.ownServer, own, "out/x", []byte("x"))
	put(t, p.ownServer, other, "in/x", []byte("x"))
	keys := p.stsKeys()
	if got := p.get(p.whole(in, 1), p.alice); got.StatusCode != 200 || keys.AccessKeyID == "" {
		t.Fatalf("got %d %q with the key %q", got.StatusCode, got.body, keys.AccessKeyID)
	}
	client := s3.New(s3.Options{BaseEndpoint: aws.String(p.ownServer.URL), Region: testenv.Region, UsePathStyle: true, HTTPClient: p.client,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		Credentials:                credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)})
	get := func(bucket, key string) error {
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err == nil {
			_ = out.Body.Close()
		}
		return err
	}
	list := func(prefix string) error {
		_, err := client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(own), Prefix: &prefix})
		return err
	}
	write := func(key string) error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(own), Key: &key, Body: bytes.NewReader([]byte("y"))})
		return err
	}
	remove := func() error {
		_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(own), Key: aws.String("in/x")})
		return err
	}
	for _, row := range []struct {
		what string
		err  error
		may  bool
	}{
		{"read", get(own, "in/x"), true}, {"list", list("in/"), true},
		{"read elsewhere", get(own, "out/x"), false}, {"read another bucket", get(other, "in/x"), false}, {"list elsewhere", list("out/"), false},
		{"list everything", list(""), false}, {"write", write("in/y"), false}, {"overwrite", write("in/x"), false}, {"delete", remove(), false},
	} {
		var reply *awshttp.ResponseError
		if denied := errors.As(row.err, &reply) && reply.HTTPStatusCode() == http.StatusForbidden; row.may && row.err != nil || !row.may && !denied {
			t.Errorf("a session of the rule for in/ may it %s? %v, want %v", row.what, row.err, row.may)
		}
	}
}

// TestRoleRecords are T-02 and T-03: which roles of records are assumed, and
// that the others never reach the STS.
func TestRoleRecords(t *testing.T) {
	t.Parallel()
	const own = "role-records"
	p := newRoles(t, fmt.Sprintf("roles: {own_account: \"111122223333\", allow: [\"arn:minio:iam:*::role/*\", \"arn:aws:iam::*:role/readers-*\"]}\n"+
		"access:\n  - {url: \"s3://%s/\", endpoint: own, mode: token}\n", own))
	p.ownServer.Bucket(t, own, true)
	p.grantOwn(map[string]string{p.aliceUUID: own + "/"})
	l := p.whole(put(t, p.ownServer, own, "x", []byte("x")), 1)
	for what, arn := range map[string]string{
		"own account":      "arn:aws:iam::111122223333:role/readers-x",
		"not allowed":      "arn:aws:iam::444455556666:role/admins",
		"a part more":      "arn:aws:iam::444455556666:role/readers-x/admins",
		"other service":    "arn:aws:s3:::readers-x",
		"a user":           "arn:aws:iam::444455556666:user/readers-x",
		"other partition":  "arn:evil:iam::444455556666:role/readers-x",
		"wildcard":         "arn:aws:iam::444455556666:role/readers-*",
		"any account":      "arn:aws:iam::*:role/readers-x",
		"3,000 characters": "arn:aws:iam::444455556666:role/readers-" + strings.Repeat("x", 3000),
		"a line feed":      "arn:aws:iam::444455556666:role/readers-x\n&Policy=",
		"more parameters":  "arn:aws:iam::444455556666:role/readers-x&DurationSeconds=43200",
		"no ARN":           "readers-x",
	} {
		uuid := p.recordOf(p.alice, "aws_iam_role", "s3://"+own, arn, "unused")
		got := p.silentFor(what, l, p.another(), 403, "creds-missing")
		if log := p.sts.Log(); len(log) != 0 {
			t.Errorf("%s: the STS was asked %v", what, log)
		}
		if !strings.Contains(got.body, uuid) {
			t.Errorf("%s: the error does not name the record: %s", what, got.body)
		}
		p.arvados(http.MethodDelete, "credentials/"+uuid, p.alice, nil)
	}
	uuid := p.recordOf(p.alice, "aws_iam_role", "s3://"+own, p.ownServer.RoleARN, "unused")
	p.forget()
	got := p.get(l, p.another())
	if log := p.own.Log(); got.StatusCode != 200 || len(log) != 1 || p.sessions.user(log[0].AccessKey) != p.aliceUUID {
		t.Errorf("a role that is allowed: %d %q, S3 was asked %v", got.StatusCode, got.body, log)
	}
	// Who is given the record gets a session of their own, not alice's.
	p.share(p.alice, "can_read", p.bobUUID, uuid)
	p.forget()
	got = p.get(l, p.bob)
	if log := p.own.Log(); got.StatusCode != 403 || got.Header.Get("X-Keep-Error") != "s3-denied" || len(log) != 1 || p.sessions.user(log[0].AccessKey) != p.bobUUID {
		t.Errorf("bob with alice's role record: %d %q, S3 was asked %v", got.StatusCode, got.body, log)
	}
}

// TestRotationOfKeys is T-08 in a running server: while sessions are asked for
// all the time, the issuer gets another key, publishes both, and goes over to
// the new one by itself. No call of the STS fails.
func TestRotationOfKeys(t *testing.T) {
	t.Parallel()
	const own = "rotation"
	rules := fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: own, mode: role, role: \"ROLE\"}\n", own)
	p := newRoles(t, rules)
	p.ownServer.Bucket(t, own, true)
	p.ownServer.SetIAM(t, testenv.IAM{Policies: map[string]string{"people": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObjectVersion","s3:GetObject"],"Resource":["arn:aws:s3:::rotation/*"]}]}`}})
	l := p.whole(put(t, p.ownServer, own, "x", []byte("x")), 1)
	kids := func() (all []string) {
		for _, r := range p.sts.Log() {
			header, err := base64.RawURLEncoding.DecodeString(strings.Split(parseForm(t, r.Body).Get("WebIdentityToken"), ".")[0])
			var h struct{ KID, Alg string }
			if err != nil || json.Unmarshal(header, &h) != nil || h.Alg != "RS256" {
				t.Fatalf("the header of a token: %s", header)
			}
			all = append(all, h.KID)
		}
		return all
	}
	newSession := func() {
		_, token := p.user(fmt.Sprintf("rotated%d", number.Add(1)))
		if got := p.get(l, token); got.StatusCode != 200 {
			t.Fatalf("a new session: %d %q", got.StatusCode, got.body)
		}
	}
	newSession()
	file := filepath.Join(filepath.Dir(p.config), "issuer.pem")
	if _, err := issuer.Rotate(file, 2*time.Second, time.Now()); err != nil {
		t.Fatal(err)
	}
	p.change(strings.ReplaceAll(rules, "ROLE", p.ownServer.RoleARN))
	if keys := p.do(http.MethodGet, issuer.JWKSPath, "", "").body; strings.Count(keys, `"kid"`) != 2 || strings.Contains(keys, `"d"`) {
		t.Errorf("after the rotation these keys are published: %s", keys)
	}
	for range 1000 {
		if all := kids(); all[0] != all[len(all)-1] {
			break
		}
		newSession()
	}
	if all := kids(); all[0] == all[len(all)-1] {
		t.Errorf("the keys that signed are %v", all)
	}
}
