// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/creds/issuer"
)

// minioArgument makes this program run a MinIO server.
const minioArgument = "demo-minio"

// audience is whom the tokens are for that the STS of a server gets. Each has
// its own, so that none can use at another what it is sent.
func audience(server string) string { return "keepstore-" + server }

// minioSettings go to the child. MinIO wants its secrets in its environment.
type minioSettings struct {
	Program, Address, Folder string
	Environment              []string
}

// minio is a running child with a MinIO server whose STS takes the tokens of
// our issuer.
type minio struct {
	*child
	minioSettings
	name, url string
	owner     keyPair
}

// roleARN is the name that a server gives to the one role of its audience.
func roleARN(server string) string {
	sum := sha1.Sum([]byte(audience(server)))
	return "arn:minio:iam:" + region + "::role/" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// policyName is the policy of that role.
const policyName = "demo-readers"

// startMinIO starts a server, gives it the policy, and waits until its STS
// looks at tokens. MinIO reads the documents of the issuer before it serves,
// so the issuer must be up.
func startMinIO(ctx context.Context, dir folder, name, program, issuerURL, auditURL, policy string) (*minio, error) {
	var m *minio
	var err error
	for range 3 { // the port may be taken before MinIO takes it
		if m, err = launchMinIO(dir, name, program, issuerURL, auditURL); err != nil {
			return nil, err
		}
		if err = m.prepare(ctx, policy); err == nil {
			return m, nil
		}
		err = errors.Join(err, m.stop())
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("MinIO (%s) did not start: %w; the last it said was %q; --minio none leaves it out", program, err, lastLine(dir.minioLog(name)))
}

func launchMinIO(dir folder, name, program, issuerURL, auditURL string) (*minio, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	m := &minio{name: name, url: "http://" + address, owner: keyPair{name + "-owner", rand.Text()}}
	m.minioSettings = minioSettings{Program: program, Address: address, Folder: dir.minio(name), Environment: []string{
		"HOME=" + dir.minio(name), "MINIO_ROOT_USER=" + m.owner.Access, "MINIO_ROOT_PASSWORD=" + m.owner.Secret,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1", "MINIO_SITE_REGION=" + region,
		"MINIO_IDENTITY_OPENID_CONFIG_URL=" + issuerURL + issuer.DiscoveryPath,
		"MINIO_IDENTITY_OPENID_CLIENT_ID=" + audience(name),
		// Without a secret MinIO takes tokens that are signed with none.
		"MINIO_IDENTITY_OPENID_CLIENT_SECRET=" + rand.Text(),
		"MINIO_IDENTITY_OPENID_ROLE_POLICY=" + policyName,
		"MINIO_AUDIT_WEBHOOK_ENABLE_demo=on", "MINIO_AUDIT_WEBHOOK_ENDPOINT_demo=" + auditURL,
	}}
	m.child, err = startChild(minioArgument, dir.minioLog(name), m.minioSettings)
	return m, err
}

// prepare waits for three things that come one after the other: the server,
// its policies, and its STS.
func (m *minio) prepare(ctx context.Context, policy string) error {
	if err := m.awaitURL(ctx, m.url+"/minio/health/ready", time.Minute); err != nil {
		return err
	}
	for _, ready := range []func() bool{
		func() bool { return m.addPolicy(ctx, policyName, policy) == nil },
		func() bool { return strings.Contains(m.askSTS(ctx), "number of segments") }, // of the token
	} {
		if err := m.await(ctx, time.Minute, ready); err != nil {
			return err
		}
	}
	return nil
}

// minioMain is the child process that runs MinIO, and ends it when the demo
// ends.
func minioMain(input io.Reader, log io.Writer) int {
	s := &minioSettings{}
	return childMain(s, s.serve, input, log)
}

// serve begins with an empty folder: the keys of its owner are new.
func (s *minioSettings) serve(ctx context.Context) error {
	if err := os.RemoveAll(s.Folder); err != nil {
		return err
	}
	if err := os.MkdirAll(s.Folder, 0o700); err != nil {
		return err
	}
	server := exec.CommandContext(ctx, s.Program, "server", "--quiet", "--address", s.Address, filepath.Join(s.Folder, "data"))
	server.Dir, server.Env, server.Stdout, server.Stderr = s.Folder, s.Environment, os.Stdout, os.Stderr
	return server.Run()
}
