// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// keepstore is a running keepstore, with what is needed to ask it.
type keepstore struct {
	*process
	address string
	token   string
	// api is the URL of the embedded API server.
	api    string
	signer *locator.Signer
}

// keepstoreOptions say what one keepstore is for.
type keepstoreOptions struct {
	// buckets maps each bucket to the address of its S3 server.
	buckets map[string]string
	// cpus is a list for taskset; empty means all.
	cpus string
	// accessKey and secretKey open the S3 servers.
	accessKey, secretKey string
	maxRequests          int
	// volume is the folder of a volume, or empty.
	volume string
}

// buildKeepstore builds the binary that is measured.
func buildKeepstore(ctx context.Context, dir string, flags []string) (string, error) {
	binary := filepath.Join(dir, "keepstore")
	args := append(append([]string{"build"}, flags...), "-o", binary, "github.com/arvados-s3/keepstore/cmd/keepstore")
	cmd := exec.CommandContext(ctx, "go", args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building keepstore: %w\n%s", err, out)
	}
	return binary, nil
}

// startKeepstore starts "keepstore standalone" with access rules of mode iam
// and fixed keys, otherwise with its defaults: it signs each S3 request,
// checks each token and logs each request.
func startKeepstore(dir, binary string, o keepstoreOptions) (*keepstore, error) {
	home, err := os.MkdirTemp(dir, "keepstore-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(home, "keepstore.yml")
	if err := os.WriteFile(file, []byte(o.config()), 0o600); err != nil {
		return nil, err
	}
	data := filepath.Join(home, "data")
	p, err := start(home, command{name: "keepstore", cpus: o.cpus,
		args: []string{binary, "standalone", "--config", file, "--data", data, "--api-listen", "127.0.0.1:0"}})
	if err != nil {
		return nil, err
	}
	k := &keepstore{process: p}
	if k.address, err = p.line("Keep service: http://"); err != nil {
		return nil, fmt.Errorf("%w; see its log: %s", err, tail(filepath.Join(home, "keepstore.log")))
	}
	p.drain()
	return k, k.readSecrets(data)
}

func (o keepstoreOptions) config() string {
	var b strings.Builder
	b.WriteString("listen: 127.0.0.1:0\nendpoints:\n")
	for bucket, address := range o.buckets {
		fmt.Fprintf(&b, "  %s: {url: \"http://%s\", region: us-east-1, path_style: true, access_key_id: %s, secret_access_key: %s}\n",
			bucket, address, o.accessKey, o.secretKey)
	}
	b.WriteString("access:\n")
	for bucket := range o.buckets {
		fmt.Fprintf(&b, "  - {url: \"s3://%s/\", endpoint: %s, mode: iam, import: {users: [\"*\"]}}\n", bucket, bucket)
	}
	if o.maxRequests > 0 {
		fmt.Fprintf(&b, "limits: {max_requests: %d}\n", o.maxRequests)
	}
	if o.volume != "" {
		fmt.Fprintf(&b, "volumes:\n  - {driver: directory, root: %q}\n", o.volume)
	}
	return b.String()
}

// readSecrets takes the user's token and the signing key of the embedded API
// server from its folder.
func (k *keepstore) readSecrets(data string) error {
	token, err := os.ReadFile(filepath.Join(data, "admin-token"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(data, "blob_signing_key"))
	if err != nil {
		return err
	}
	url, err := os.ReadFile(filepath.Join(data, "api-url"))
	if err != nil {
		return err
	}
	k.api = strings.TrimSpace(string(url))
	k.token = strings.TrimSpace(string(token))
	k.signer, err = locator.NewSigner([]byte(strings.TrimSpace(string(key))), 336*time.Hour)
	return err
}

// locator returns a signed locator for all of an object.
func (k *keepstore) locator(bucket string, size int64) (string, error) {
	e := pseudoblock.Extent{Object: locator.Object{Bucket: bucket, Key: blobKey(size), VersionID: version}, Size: size}
	l, err := e.Locator(pseudoblock.Opaque)
	if err != nil {
		return "", err
	}
	return k.signed(l), nil
}

// sign returns a signed locator of an ordinary block.
func (k *keepstore) sign(hash string, size int64) (string, error) {
	l, err := locator.New(locator.Hash(hash), size)
	if err != nil {
		return "", err
	}
	return k.signed(l), nil
}

func (k *keepstore) signed(l locator.Locator) string {
	return k.signer.Sign(l, k.token, time.Now().Add(24*time.Hour)).String()
}

func (k *keepstore) authorization() string { return "Authorization: Bearer " + k.token + "\r\n" }

// target asks keepstore for an object as a pseudo-block.
func (k *keepstore) target(bucket string, size int64) (target, error) {
	l, err := k.locator(bucket, size)
	return target{name: "keepstore", process: k.process, address: k.address, path: "/" + l, size: size,
		header: k.authorization() + "X-Keep-Pseudo-Blocks: 1\r\n"}, err
}
