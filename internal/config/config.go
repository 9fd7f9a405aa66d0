// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"log/slog"
	"time"

	"github.com/arvados-s3/keepstore/creds"
)

// Config is the checked configuration. docs/config.md describes each setting
// under the key of the same name.
type Config struct {
	// Listen is "host:port"; an empty host means every interface.
	Listen string
	// TLS has two file names, or none for plain HTTP.
	TLS TLS
	// ClusterID is five letters or digits, or empty.
	ClusterID string
	API       API
	Signing   Signing
	// SystemRootToken and ManagementToken may be empty.
	SystemRootToken creds.Secret
	ManagementToken creds.Secret
	KeepServiceUUID string
	Aware           Aware
	// AllowedOrigins are as browsers send them, "https://host" or
	// "https://host:port".
	AllowedOrigins []string
	Endpoints      map[string]*creds.Endpoint
	// Rules point into Endpoints and are in the order of the file.
	Rules  []creds.Rule
	Issuer Issuer
	Roles  Roles
	// Volumes is empty on a server that holds no ordinary blocks.
	Volumes []Volume
	Trash   Trash
	Limits  Limits
	Log     Log
}

// TLS names the certificate chain and key to serve HTTPS with.
type TLS struct{ CertFile, KeyFile string }

// API says where the Arvados API server is.
type API struct {
	// URL is scheme, host and port, without a "/" at the end.
	URL string
	// CAFile is a PEM file to trust in place of the system's, or empty.
	CAFile string
}

// Issuer says how JSON web tokens are made that name users to an STS. The
// zero Issuer makes none.
type Issuer struct {
	// URL is scheme, host and port, without a "/" at the end: what tokens name
	// as their issuer, and where its keys are found.
	URL string
	// KeyFile holds the private keys. It is made when it is missing.
	KeyFile string
	// Audience is whom the tokens are for where an endpoint does not say it.
	Audience string
}

// Roles says which roles may be assumed in the name of users.
type Roles struct {
	// OwnAccount is the account whose roles never are, or empty.
	OwnAccount string
	// Allow are patterns for creds.ParseRolePattern. None means that rules may
	// name any role, and records of the API server none.
	Allow []string
}

// Signing is what permission signatures are made with. Without a Key there
// are none, and then no rule of mode iam or anonymous either.
type Signing struct {
	Key creds.Secret
	TTL time.Duration
}

// Aware says when opaque and derived blocks need the header of an aware
// client.
type Aware string

// The values of [Aware].
const (
	AwareAuto   Aware = "auto"
	AwareAlways Aware = "always"
	AwareNever  Aware = "never"
)

// Limits bound what the server uses. All are above zero.
type Limits struct {
	// MaxRequests is how many S3 requests may run at a time per endpoint.
	MaxRequests int
	// MaxImports is how many imports may run at a time.
	MaxImports int
	// Memory is for buffers, in bytes.
	Memory int64
	// MinRate is in bytes per second.
	MinRate int64
	// Stall, Total and Drain are times; see docs/config.md.
	Stall, Total, Drain time.Duration
}

// Log says what is logged and how.
type Log struct {
	Level slog.Level
	// JSON is true for one JSON object per line and false for text.
	JSON bool
}
