// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

// The structs of this file mirror the YAML, key by key. A scalar is a value,
// with its place, so that later checks can report it. The tag "default" is
// what a missing value becomes. docs/config.md lists the same keys; a test
// compares the two.

// value is a scalar of the file, or its default.
type value struct {
	place
	text string
}

// given reports whether there is a value; an empty text counts as none.
func (v value) given() bool { return v.text != "" }

type file struct {
	place
	Listen              value                   `yaml:"listen" default:"127.0.0.1:25107"`
	TLS                 fileTLS                 `yaml:"tls"`
	ArvadosConfig       value                   `yaml:"arvados_config"`
	ClusterID           value                   `yaml:"cluster_id"`
	API                 fileAPI                 `yaml:"api"`
	BlobSigning         fileSigning             `yaml:"blob_signing"`
	SystemRootToken     value                   `yaml:"system_root_token"`
	SystemRootTokenFile value                   `yaml:"system_root_token_file"`
	ManagementToken     value                   `yaml:"management_token"`
	ManagementTokenFile value                   `yaml:"management_token_file"`
	KeepServiceUUID     value                   `yaml:"keep_service_uuid"`
	Aware               value                   `yaml:"require_aware_clients" default:"auto"`
	AllowedOrigins      []value                 `yaml:"allowed_origins"`
	Endpoints           map[string]fileEndpoint `yaml:"endpoints"`
	Access              []fileRule              `yaml:"access"`
	Limits              fileLimits              `yaml:"limits"`
	Log                 fileLog                 `yaml:"log"`
	Issuer              fileIssuer              `yaml:"issuer"`
	Roles               fileRoles               `yaml:"roles"`
	Volumes             []fileVolume            `yaml:"volumes"`
	BlobTrash           value                   `yaml:"blob_trash"`
	TrashLifetime       value                   `yaml:"trash_lifetime"`
}

type fileTLS struct {
	place
	CertFile value `yaml:"cert_file"`
	KeyFile  value `yaml:"key_file"`
}

type fileAPI struct {
	place
	URL    value `yaml:"url"`
	CAFile value `yaml:"ca_file"`
}

type fileSigning struct {
	place
	Key     value `yaml:"key"`
	KeyFile value `yaml:"key_file"`
	TTL     value `yaml:"ttl"`
}

type fileEndpoint struct {
	place
	URL                 value   `yaml:"url"`
	Region              value   `yaml:"region"`
	PathStyle           value   `yaml:"path_style" default:"false"`
	CAFile              value   `yaml:"ca_file"`
	Regions             []value `yaml:"regions"`
	STSURL              value   `yaml:"sts_url"`
	WebIdentity         value   `yaml:"web_identity" default:"true"`
	Audience            value   `yaml:"audience"`
	Credentials         value   `yaml:"credentials"`
	AccessKeyID         value   `yaml:"access_key_id"`
	SecretAccessKey     value   `yaml:"secret_access_key"`
	SecretAccessKeyFile value   `yaml:"secret_access_key_file"`
	SessionToken        value   `yaml:"session_token"`
	SessionTokenFile    value   `yaml:"session_token_file"`
	MetadataURL         value   `yaml:"metadata_url"`
}

type fileRule struct {
	place
	URL           value      `yaml:"url"`
	Endpoint      value      `yaml:"endpoint"`
	Mode          value      `yaml:"mode"`
	Import        fileImport `yaml:"import"`
	RequesterPays value      `yaml:"requester_pays" default:"false"`
	Unversioned   value      `yaml:"unversioned" default:"refuse"`
	Role          value      `yaml:"role"`
}

type fileImport struct {
	place
	Users  []value `yaml:"users"`
	Groups []value `yaml:"groups"`
}

type fileLimits struct {
	place
	MaxRequests value `yaml:"max_requests" default:"512"`
	MaxImports  value `yaml:"max_imports" default:"16"`
	Memory      value `yaml:"memory" default:"1GiB"`
	Stall       value `yaml:"stall" default:"5s"`
	MinRate     value `yaml:"min_rate" default:"32KiB"`
	Total       value `yaml:"total" default:"240s"`
	Drain       value `yaml:"drain" default:"30s"`
}

type fileLog struct {
	place
	Level  value `yaml:"level" default:"info"`
	Format value `yaml:"format" default:"json"`
}

type fileVolume struct {
	place
	UUID           value   `yaml:"uuid"`
	Driver         value   `yaml:"driver"`
	Root           value   `yaml:"root"`
	Endpoint       value   `yaml:"endpoint"`
	Bucket         value   `yaml:"bucket"`
	Prefix         value   `yaml:"prefix"`
	Replication    value   `yaml:"replication" default:"1"`
	StorageClasses []value `yaml:"storage_classes"`
	ReadOnly       value   `yaml:"read_only" default:"false"`
	Serialize      value   `yaml:"serialize" default:"false"`
	Priority       value   `yaml:"priority" default:"0"`
}

type fileIssuer struct {
	place
	URL      value `yaml:"url"`
	KeyFile  value `yaml:"key_file"`
	Audience value `yaml:"audience" default:"sts.amazonaws.com"`
}

type fileRoles struct {
	place
	OwnAccount value   `yaml:"own_account"`
	Allow      []value `yaml:"allow"`
}
