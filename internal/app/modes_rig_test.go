// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// people is a rig on which alice and bob have S3 rights of their own. Its
// endpoints lab (MinIO) and gw (versitygw) know users with keys; the endpoint
// own is a MinIO server whose STS takes the tokens of this keepstore's issuer.
// The server's own keys, which may do everything, are those of the root user
// on all of them: who gets more than is theirs got it by a fall-back.
type people struct {
	*rig
	// own and sts stand before the same server; nil without newRoles.
	own, sts  *faultproxy.Proxy
	ownServer *testenv.Server
	sessions  *sessions
	// head and issuer come before the rules in the configuration.
	head, issuer string
}

// newPeople starts everything but the endpoint own.
func newPeople(t *testing.T, rules string) *people {
	t.Helper()
	p := preparePeople(t)
	p.write(rules)
	p.serve()
	return p
}

func preparePeople(t *testing.T) *people {
	t.Helper()
	r := &rig{t: t, labServer: servers.MinIO(t), gwServer: servers.Versitygw(t), log: &testenv.Output{}, reload: make(chan os.Signal, 1)}
	r.apiOptions.ReleaseSecrets = true
	r.lab, r.gw = faultproxy.New(t, r.labServer.URL), faultproxy.New(t, r.gwServer.URL)
	r.startAPI()
	r.asked = faultproxy.New(t, r.apiHTTP.URL)
	r.config = filepath.Join(t.TempDir(), "keepstore.yml")
	transport := &http.Transport{MaxIdleConnsPerHost: 600}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &http.Client{Transport: transport, Timeout: time.Minute}
	p := &people{rig: r, sessions: &sessions{users: make(map[string]string)}}
	p.head = fmt.Sprintf(`listen: 127.0.0.1:0
cluster_id: %s
api: {url: %q}
blob_signing: {key: %s}
management_token: management-of-the-test
endpoints:
  lab: {url: %[4]q, %[6]s}
  gw: {url: %[5]q, %[6]s}
`, r.api.ClusterID(), r.asked.URL(), r.api.BlobSigningKey(), r.lab.URL(), r.gw.URL(), ownKeys())
	p.forget()
	return p
}

// ownKeys are the settings that let the server itself do everything.
func ownKeys() string {
	return fmt.Sprintf("region: %s, path_style: true, access_key_id: %s, secret_access_key: %s", testenv.Region, testenv.AccessKey, testenv.SecretKey)
}

// ownAudience is whom the tokens for the STS of the endpoint own are for.
const ownAudience = "minio-of-the-test"

// newRoles also starts the endpoint own, which must find the issuer running.
// ROLE in the rules is the role that it knows.
func newRoles(t *testing.T, rules string) *people {
	t.Helper()
	p := preparePeople(t)
	p.write("access: []\n")
	p.serve()
	p.issuer = fmt.Sprintf("issuer: {url: %q, key_file: issuer.pem}\n", p.url)
	p.change("access: []\n")
	p.ownServer = testenv.MinIOWithIssuer(t, testenv.OpenID{ConfigURL: p.url + "/.well-known/openid-configuration",
		Audience: ownAudience, Policies: []string{"people"}})
	p.own, p.sts = faultproxy.New(t, p.ownServer.URL), faultproxy.New(t, p.ownServer.URL)
	p.head += fmt.Sprintf("  own: {url: %q, sts_url: %q, audience: %s, %s}\n", p.own.URL(), p.sts.URL(), ownAudience, ownKeys())
	p.forget()
	p.change(strings.ReplaceAll(rules, "ROLE", p.ownServer.RoleARN))
	return p
}

func (p *people) write(rules string) {
	p.t.Helper()
	if err := os.WriteFile(p.config, []byte(p.head+p.issuer+rules), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// change makes the server use other rules.
func (p *people) change(rules string) {
	p.t.Helper()
	before := strings.Count(p.log.String(), `"msg":"reloaded"`)
	p.write(rules)
	p.reload <- nil
	eventually(p.t, "a reload", func() bool { return strings.Count(p.log.String(), `"msg":"reloaded"`) > before })
}

// forget empties the logs of all proxies, and ends their faults.
func (p *people) forget() {
	p.lab.Set()
	p.gw.Set()
	p.asked.Set()
	if p.own != nil {
		p.own.Set()
		p.sts.Set(p.sessions.watch())
	}
}

// s3 is what all S3 servers were asked since forget.
func (p *people) s3() []faultproxy.Request {
	log := append(p.lab.Log(), p.gw.Log()...)
	if p.own != nil {
		log = append(log, p.own.Log()...)
	}
	return log
}

// others is what the API server and the STS were asked since forget.
func (p *people) others() []faultproxy.Request {
	log := p.asked.Log()
	if p.sts != nil {
		log = append(log, p.sts.Log()...)
	}
	return log
}

// sessions knows whose temporary keys are whose, by watching the STS.
type sessions struct {
	mu    sync.Mutex
	users map[string]string // user UUID by access key
}

// watch is a rule that changes nothing.
func (s *sessions) watch() faultproxy.Rule {
	return faultproxy.Rule{Do: []faultproxy.Action{s.note}}
}

func (s *sessions) note(r *faultproxy.Reply) {
	form, err := url.ParseQuery(r.Asked.Body)
	if err != nil || r.Status != http.StatusOK {
		return
	}
	var reply struct {
		Key string `xml:"AssumeRoleWithWebIdentityResult>Credentials>AccessKeyId"`
	}
	if xml.Unmarshal(r.Body, &reply) != nil || reply.Key == "" {
		return
	}
	_, user, _ := strings.Cut(claims(form.Get("WebIdentityToken")).Subject, ":")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[reply.Key] = user
}

// user is whom the key was given to; empty if it is none of the STS.
func (s *sessions) user(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[key]
}

// jwtClaims are the claims that tests look at.
type jwtClaims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  any    `json:"aud"`
	ID        string `json:"jti"`
	Issued    int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
}

// claims reads a token without looking at its signature, which is up to MinIO.
func claims(token string) (c jwtClaims) {
	if parts := strings.Split(token, "."); len(parts) == 3 {
		if data, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(data, &c) // the zero claims are nobody's
		}
	}
	return c
}

// subject is how policies of the endpoint own name a user.
func (p *people) subject(user string) string { return p.api.ClusterID() + ":" + user }

// grantOwn makes the policy of the role on the endpoint own allow each user
// to read below the given "bucket/prefix", and nothing else.
func (p *people) grantOwn(rights map[string]string) {
	p.t.Helper()
	var statements []string
	for user, where := range rights {
		bucket, prefix, _ := strings.Cut(where, "/")
		only := fmt.Sprintf(`"Condition":{"StringEquals":{"jwt:sub":[%q]}}`, p.subject(user))
		statements = append(statements,
			fmt.Sprintf(`{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":["arn:aws:s3:::%s/%s*"],%s}`, bucket, prefix, only),
			fmt.Sprintf(`{"Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":["arn:aws:s3:::%s"],%s}`, bucket, only))
	}
	p.ownServer.SetIAM(p.t, testenv.IAM{Policies: map[string]string{"people": `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`}})
}

// arvados sends one request to the API server, not through the proxy.
func (p *people) arvados(method, path, token string, body any) map[string]any {
	p.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequest(method, p.apiHTTP.URL+"/arvados/v1/"+path, bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var got map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s: %s %v %v", method, path, resp.Status, got, err)
	}
	return got
}

// record stores an access key for a bucket, and returns the record's UUID.
func (p *people) record(token, bucket, key, secret string) string {
	p.t.Helper()
	return p.recordOf(token, "arv:aws_access_key", "s3://"+bucket, key, secret)
}

func (p *people) recordOf(token, class, scope, externalID, secret string) string {
	p.t.Helper()
	return p.arvados(http.MethodPost, "credentials", token, map[string]any{"credential": map[string]any{
		"name": fmt.Sprintf("record %d", number.Add(1)), "credential_class": class, "scopes": []string{scope},
		"external_id": externalID, "secret": secret, "expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}})["uuid"].(string)
}

// share gives a user a permission such as can_read, and returns the link's UUID.
func (p *people) share(token, level, user, head string) string {
	p.t.Helper()
	return p.arvados(http.MethodPost, "links", token, map[string]any{"link": map[string]any{
		"link_class": "permission", "name": level, "tail_uuid": user, "head_uuid": head}})["uuid"].(string)
}

// whole is the locator of a whole object, without a signature: under a
// personal mode S3 alone decides.
func (p *people) whole(o locator.Object, size int) string {
	p.t.Helper()
	l, err := pseudoblock.Extent{Object: o, Size: int64(size)}.Locator(pseudoblock.Derived)
	if err != nil {
		p.t.Fatal(err)
	}
	return l.String()
}

// reads checks what a read gives, and which access keys S3 saw, in order.
func (p *people) reads(what, l, token string, status int, word string, keys ...string) reply {
	p.t.Helper()
	p.forget()
	got := p.get(l, token)
	if got.StatusCode != status || got.Header.Get("X-Keep-Error") != word {
		p.t.Errorf("%s: got %d %s %q, want %d %s", what, got.StatusCode, got.Header.Get("X-Keep-Error"), got.body, status, word)
	}
	var seen []string
	for _, r := range p.s3() {
		seen = append(seen, r.AccessKey)
	}
	if strings.Join(seen, " ") != strings.Join(keys, " ") {
		p.t.Errorf("%s: S3 saw the keys %q, want %q", what, seen, keys)
	}
	return got
}
