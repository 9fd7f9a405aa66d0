// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// gatewayMain is the child process with the gateway.
func gatewayMain(input io.Reader, log io.Writer) int {
	s := &gatewaySettings{}
	return childMain(s, s.serve, input, log)
}

func (s *gatewaySettings) serve(ctx context.Context) error {
	iam := filepath.Join(s.Folder, "iam")
	if err := os.RemoveAll(iam); err != nil { // secrets are new on each start
		return err
	}
	for _, dir := range []string{iam, s.sub("objects"), s.sub("versions")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	config := &embedgw.Config{
		RootUserAccess: s.Owner.Access, RootUserSecret: s.Owner.Secret, Region: region, Ports: []string{s.Address},
		// Zero is refused for these three.
		MaxConnections: 1024, MaxRequests: 512, MultipartMaxParts: 10000,
		KeepAlive: true, Quiet: true, HealthPath: s.Health, AccessLog: s.AccessLog, IAMDir: iam,
	}
	accounts, err := auth.New(config.IamOpts())
	if err != nil {
		return err
	}
	for _, key := range []keyPair{s.Reader, s.Ann, s.Bob} {
		if err := accounts.CreateAccount(auth.Account{Access: key.Access, Secret: key.Secret, Role: auth.RoleUser}); err != nil {
			return err
		}
	}
	config.IAMService = accounts
	store, err := s.store()
	if err != nil {
		return err
	}
	return embedgw.RunVersityGW(ctx, store, config)
}

// store opens the object store. It keeps what S3 knows about an object in
// extended attributes, or in files of their own where there are none (a tmpfs
// of an older kernel, for one). With such files versitygw 1.8.0 shows an object
// as deleted that is written again after a deletion, so that a folder serves
// for one run of the demo only.
func (s *gatewaySettings) store() (*posix.Posix, error) {
	var attributes meta.MetadataStorer = meta.XattrMeta{}
	options := posix.PosixOpts{VersioningDir: s.sub("versions")}
	if s.Sidecar || !hasAttributes(s.Folder) {
		sidecar, err := s.sidecar()
		if err != nil {
			return nil, err
		}
		attributes, options.SideCarDir = sidecar, s.sub("metadata")
	}
	return posix.New(s.sub("objects"), attributes, options)
}

func (s *gatewaySettings) sidecar() (meta.SideCar, error) {
	if err := os.MkdirAll(s.sub("metadata"), 0o700); err != nil {
		return meta.SideCar{}, err
	}
	used, err := os.ReadDir(s.sub("metadata"))
	if err != nil {
		return meta.SideCar{}, err
	}
	if len(used) > 0 {
		return meta.SideCar{}, errors.New("without extended attributes a folder serves for one run only: name another with --data DIR")
	}
	return meta.NewSideCar(s.sub("metadata"))
}

// hasAttributes tries whether the file system keeps extended attributes.
func hasAttributes(folder string) bool {
	return meta.XattrMeta{}.StoreAttribute(nil, folder, "", "demo", []byte("1")) == nil
}

func (s *gatewaySettings) sub(name string) string { return filepath.Join(s.Folder, name) }
