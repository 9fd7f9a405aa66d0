// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/creds/sts"
)

// What is sent. The token has the look of a JWT.
const (
	testToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.aHVudGVyMg-hunter2"
	testRole  = "arn:aws:iam::111122223333:role/team/readers"
	testUser  = "zzzzz-tpzed-000000000000001"
	assumed   = "arn:aws:sts::111122223333:assumed-role/readers/" + testUser
)

// service is an STS made of one reply, which keeps the forms it got.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	forms []url.Values
	auth  []string
	agent string
}

func newService(t *testing.T, reply func(w http.ResponseWriter, r *http.Request)) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.forms, s.auth, s.agent = append(s.forms, r.PostForm), append(s.auth, r.Header.Get("Authorization")), r.UserAgent()
		s.mu.Unlock()
		reply(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.forms)
}

func request(url string) sts.Request {
	return sts.Request{
		Endpoint: &creds.Endpoint{Name: "lab", Region: "us-east-1", URL: "http://s3.invalid", STSURL: url},
		Role:     testRole, SessionName: testUser, Policy: `{"Version":"2012-10-17"}`, Life: 900 * time.Second,
	}
}

// newClient has a clock that is off, and hardly pauses.
func newClient(off time.Duration) *sts.Client {
	return sts.New(sts.Options{Now: func() time.Time { return time.Now().Add(off) }, Pause: time.Millisecond})
}

// session is a good answer to the named action.
func session(action, arn string, ends time.Time) string {
	return fmt.Sprintf(`<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult>
<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%[3]s</Expiration></Credentials>
<AssumedRoleUser><Arn>%[2]s</Arn><AssumedRoleId>x</AssumedRoleId></AssumedRoleUser></%[1]sResult></%[1]sResponse>`, action, arn, ends.UTC().Format(time.RFC3339))
}

func good(arn string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, session(r.PostForm.Get("Action"), arn, time.Now().Add(900*time.Second)))
	}
}

// failure is an error as an STS gives it.
func failure(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`, code, message)
}

func withToken(t *testing.T, url string) (aws.Credentials, error) {
	t.Helper()
	return newClient(0).AssumeWithToken(t.Context(), request(url), creds.NewSecret(testToken))
}

func withID(t *testing.T, url string) (aws.Credentials, error) {
	t.Helper()
	own := credentials.NewStaticCredentialsProvider("OWN", "hunter2", "")
	return newClient(0).Assume(t.Context(), request(url), "external-1", own)
}

// TestAssumeWithToken: what is sent is what was asked for, unsigned, and
// always with a life: some servers would otherwise let the session end with
// the token. Variables of the environment change nothing.
func TestAssumeWithToken(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ROLE_ARN", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_NAME", "_X_AMZN_TRACE_ID", "AWS_SDK_UA_APP_ID"} {
		t.Setenv(name, "http://hostile.invalid")
	}
	s := newService(t, good(assumed))
	got, err := withToken(t, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got.AccessKeyID != "ASIA1" || got.SecretAccessKey != "s" || got.SessionToken != "t" || !got.CanExpire || time.Until(got.Expires) < 14*time.Minute {
		t.Error("the session is not that of the answer")
	}
	want := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "DurationSeconds": {"900"}, "RoleArn": {testRole},
		"RoleSessionName": {testUser}, "Policy": {`{"Version":"2012-10-17"}`}, "WebIdentityToken": {testToken}}
	if got := s.forms[0].Encode(); got != want.Encode() || s.auth[0] != "" || s.agent != "keepstore" {
		t.Errorf("sent %s, Authorization %q, User-Agent %q", got, s.auth[0], s.agent)
	}
}

// TestAssume: the external id is the one that was given, and the own keys sign.
func TestAssume(t *testing.T) {
	s := newService(t, good(assumed))
	if _, err := withID(t, s.URL); err != nil {
		t.Fatal(err)
	}
	want := url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "DurationSeconds": {"900"}, "RoleArn": {testRole},
		"RoleSessionName": {testUser}, "Policy": {`{"Version":"2012-10-17"}`}, "ExternalId": {"external-1"}}
	if got := s.forms[0].Encode(); got != want.Encode() || !strings.Contains(s.auth[0], "Credential=OWN/") || !strings.Contains(s.auth[0], "/us-east-1/sts/aws4_request") {
		t.Errorf("sent %s, Authorization %q", got, s.auth[0])
	}
}

// TestNoSharedSigner: signing keys are not kept by access key id.
func TestNoSharedSigner(t *testing.T) {
	s := newService(t, good(assumed))
	c := newClient(0)
	for _, secret := range []string{"one", "two"} {
		if _, err := c.Assume(t.Context(), request(s.URL), "x", credentials.NewStaticCredentialsProvider("OWN", secret, "")); err != nil {
			t.Fatal(err)
		}
	}
	_, first, _ := strings.Cut(s.auth[0], "Signature=")
	_, second, _ := strings.Cut(s.auth[1], "Signature=")
	if first == second || first == "" {
		t.Error("two secrets signed alike")
	}
}

// TestAssumedRole: a session of another role than the one asked for is not
// used. An STS that knows no roles gives an empty name.
func TestAssumedRole(t *testing.T) {
	for arn, ok := range map[string]bool{
		assumed: true,
		"arn:aws:sts::111122223333:assumed-role/team/readers/" + testUser: true, // Ceph keeps the path
		"": false,
		"arn:aws:iam::111122223333:role/team/readers":                       false,
		"arn:aws:sts::999922223333:assumed-role/readers/" + testUser:        false,
		"arn:aws:sts::111122223333:assumed-role/writers/" + testUser:        false,
		"arn:aws:sts::111122223333:assumed-role/not-readers/" + testUser:    false,
		"arn:aws:sts::111122223333:assumed-role/readers/other":              false,
		"arn:aws:sts::111122223333:assumed-role/readers":                    false,
		"arn:aws:sts::111122223333:federated-user/readers/" + testUser:      false,
		"arn:aws-cn:sts::111122223333:assumed-role/readers/" + testUser:     false,
		"arn:aws:sts::111122223333:assumed-role/readers/x:y/" + testUser:    false,
		"arn:aws:sts:us-east-1:111122223333:assumed-role/writers/readers/u": false,
	} {
		s := newService(t, good(arn))
		_, err := withID(t, s.URL)
		want(t, "AssumeRole "+arn, err, map[bool]creds.Kind{true: "", false: creds.RoleRefused}[ok], "gave a session of something else")
		_, err = withToken(t, s.URL)
		if arn == "" { // MinIO, where rights follow from the token
			ok = true
		}
		want(t, "web identity "+arn, err, map[bool]creds.Kind{true: "", false: creds.RoleRefused}[ok], "gave a session of something else")
	}
}

// want checks the kind of an error and a part of its sentence.
func want(t *testing.T, what string, err error, kind creds.Kind, text string) {
	t.Helper()
	if kind == "" {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	e := (*creds.Error)(nil)
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Text, text) || e.Err == nil {
		t.Errorf("%s: got %v, want %s with %q", what, err, kind, text)
	}
	for err := err; err != nil; err = errors.Unwrap(err) {
		for _, piece := range []string{"hunter2", "eyJ", "secret-role"} {
			if strings.Contains(err.Error(), piece) {
				t.Errorf("%s: an error shows %q: %v", what, piece, err)
			}
		}
	}
}
