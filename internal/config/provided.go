// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"time"

	"github.com/arvados-s3/keepstore/creds"
)

// Provided are settings that the program itself knows, in standalone mode,
// where no cluster exists to name in the file.
type Provided struct {
	ClusterID string
	APIURL    string
	// APICAFile is a PEM file of what to trust at APIURL; empty means what
	// the system trusts.
	APICAFile  string
	SigningKey creds.Secret
	// SigningTTL may be zero, for the usual one.
	SigningTTL time.Duration
	// SystemRootToken is used where the file names none; it may be empty.
	SystemRootToken creds.Secret
	// IssuerKeyFile is used where the file names no issuer.key_file.
	IssuerKeyFile string
}

func (p Provided) arvados() arvados {
	return arvados{clusterID: p.ClusterID, apiURL: p.APIURL, apiCAFile: p.APICAFile, signingKey: p.SigningKey, signingTTL: p.SigningTTL,
		systemRootToken: p.SystemRootToken}
}

// refuseProvided reports what standalone mode brings itself. With it keepstore
// would ask another API server than the one beside it.
func (b *builder) refuseProvided(f *file) {
	if b.provided.APIURL == "" {
		return
	}
	const text = "standalone mode brings its own API server and signing key: leave this out, or use serve"
	for _, v := range []value{f.ArvadosConfig, f.ClusterID, f.API.URL, f.API.CAFile, f.BlobSigning.Key, f.BlobSigning.KeyFile, f.BlobSigning.TTL} {
		if v.given() {
			b.bad.add(v.place, text)
		}
	}
}

// Standalone are settings as standalone mode provides them, to check a file
// without starting anything.
func Standalone() Provided {
	return Provided{ClusterID: "zzzzz", APIURL: "http://127.0.0.1:25108", SigningKey: creds.NewSecret("made by standalone mode"),
		IssuerKeyFile: "issuer-keys.pem"}
}

// IsFault reports whether err says that a configuration file is faulty.
func IsFault(err error) bool {
	var e *Error
	return errors.As(err, &e)
}
