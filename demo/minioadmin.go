// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// addPolicy gives MinIO a policy, by the import of its API for administrators.
func (m *minio) addPolicy(ctx context.Context, name, document string) error {
	var body bytes.Buffer
	archive := zip.NewWriter(&body)
	w, err := archive.Create("iam-assets/policies.json")
	if err == nil {
		err = json.NewEncoder(w).Encode(map[string]json.RawMessage{name: json.RawMessage(document)})
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, m.url+"/minio/admin/v3/import-iam-v2", &body)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body.Bytes())
	hash := hex.EncodeToString(sum[:])
	request.Header.Set("X-Amz-Content-Sha256", hash)
	keys := aws.Credentials{AccessKeyID: m.owner.Access, SecretAccessKey: m.owner.Secret}
	if err := v4.NewSigner().SignHTTP(ctx, keys, request, hash, "s3", region, time.Now()); err != nil {
		return err
	}
	text, err := send(request)
	if err == nil && !strings.Contains(text, `"added":{"policies":["`+name+`"]`) {
		err = fmt.Errorf("MinIO does not take the policy: %s", short(text, 300))
	}
	return err
}

// askSTS returns what the STS says to a token that is none.
func (m *minio) askSTS(ctx context.Context) string {
	form := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "WebIdentityToken": {"none"}, "RoleArn": {roleARN(m.name)}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, strings.NewReader(form.Encode()))
	if err != nil {
		return ""
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	text, _ := send(request) // an error is no answer
	return text
}

func send(request *http.Request) (string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	reply, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, 1<<20))
	return string(text), err
}
