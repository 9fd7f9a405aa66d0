// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// OpenID says whose tokens a MinIO server takes at its STS.
type OpenID struct {
	// ConfigURL is the address of the discovery document. MinIO reads it, and
	// the keys, before it serves, so the issuer must be up.
	ConfigURL string
	// Audience is the aud claim that MinIO wants.
	Audience string
	// Policies are the policies of the one role that MinIO makes for an
	// audience. They can be given by SetIAM later; "readonly" and "readwrite"
	// are always there, and a condition on "jwt:sub" tells users apart. When
	// empty, the sub claim is the name of the policy of its user, and any
	// RoleArn may be sent: MinIO does not look at it.
	Policies []string
}

// MinIOWithIssuer starts a MinIO server for one test, which takes the tokens
// of an OpenID provider.
func MinIOWithIssuer(t testing.TB, o OpenID) *Server {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	env := append(minioEnv(), "MINIO_SITE_REGION="+Region, "MINIO_IDENTITY_OPENID_CONFIG_URL="+o.ConfigURL,
		"MINIO_IDENTITY_OPENID_CLIENT_ID="+o.Audience,
		// Without a secret MinIO takes tokens that are signed with none.
		"MINIO_IDENTITY_OPENID_CLIENT_SECRET="+rand.Text())
	if len(o.Policies) > 0 {
		env = append(env, "MINIO_IDENTITY_OPENID_ROLE_POLICY="+strings.Join(o.Policies, ","))
	} else {
		env = append(env, "MINIO_IDENTITY_OPENID_CLAIM_NAME=sub")
	}
	proc := run(t, dir, "http://"+address+"/minio/health/ready", env,
		Bin(t, "minio"), "server", "--quiet", "--address", address, filepath.Join(dir, "data"))
	s := one(proc, address)
	t.Cleanup(s.stop)
	s.Name, s.RoleARN, s.audience, s.accounts = "minio", minioRole(o.Audience), o.Audience, minioAccounts{}
	s.awaitSTS(t, len(o.Policies) > 0)
	return s
}

// awaitSTS waits until MinIO looks at tokens and knows its policies: it says
// that it is ready before that.
func (s *Server) awaitSTS(t testing.TB, withRole bool) {
	t.Helper()
	form := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "WebIdentityToken": {"none"}}
	if withRole {
		form.Set("RoleArn", s.RoleARN)
	}
	roles, policies := "", ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		roles = s.send(t, http.MethodPost, "/", "application/x-www-form-urlencoded", form.Encode())
		policies = s.send(t, http.MethodGet, "/minio/admin/v3/list-canned-policies", "", "")
		if strings.Contains(roles, "number of segments") && strings.Contains(policies, "readonly") { // of the token
			return
		}
	}
	t.Fatalf("the STS of %s did not become ready; it says: %s\n%s", s.Name, roles, policies)
}

// minioRole is the name that MinIO gives to the role of an audience.
func minioRole(audience string) string {
	sum := sha1.Sum([]byte(audience))
	return "arn:minio:iam:" + Region + "::role/" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// IAM are users and policies of a MinIO server.
type IAM struct {
	// Policies are JSON documents by name.
	Policies map[string]string
	// Users are secret keys by access key.
	Users map[string]string
	// Attach names the policies of a user, with commas between.
	Attach map[string]string
}

// SetIAM adds users and policies to a MinIO server, or replaces those of the
// same names. It uses the one call of MinIO's API for administrators that
// takes secrets without an encryption of its own.
func (s *Server) SetIAM(t testing.TB, iam IAM) {
	t.Helper()
	policies, users, attached := map[string]json.RawMessage{}, map[string]any{}, map[string]any{}
	for name, document := range iam.Policies {
		policies[name] = json.RawMessage(document)
	}
	for name, secret := range iam.Users {
		users[name] = map[string]string{"secretKey": secret, "status": "enabled"}
	}
	for name, list := range iam.Attach {
		attached[name] = map[string]any{"version": 1, "policy": list}
	}
	var body bytes.Buffer
	archive := zip.NewWriter(&body)
	for name, content := range map[string]any{"policies": policies, "users": users, "user_mappings": attached} {
		if err := addJSON(archive, "iam-assets/"+name+".json", content); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	var result struct {
		Added  map[string]any   `json:"added"`
		Failed map[string][]any `json:"failed"`
	}
	text := s.send(t, http.MethodPut, "/minio/admin/v3/import-iam-v2", "", body.String())
	err := json.Unmarshal([]byte(text), &result)
	for _, list := range result.Failed {
		if len(list) > 0 {
			err = errors.New("some failed")
		}
	}
	if err != nil || len(result.Added) == 0 {
		t.Fatalf("adding users and policies to %s: %v: %s", s.Name, err, text)
	}
}

func addJSON(archive *zip.Writer, name string, content any) error {
	w, err := archive.Create(name)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(content)
}

// send sends a request that is signed by the owner, except for forms, which
// an STS takes unsigned, and returns the body of the answer.
func (s *Server) send(t testing.TB, method, path, contentType, body string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	} else {
		sum := sha256.Sum256([]byte(body))
		hash := hex.EncodeToString(sum[:])
		r.Header.Set("X-Amz-Content-Sha256", hash)
		keys := aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}
		if err := v4.NewSigner().SignHTTP(ctx, keys, r, hash, "s3", Region, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
