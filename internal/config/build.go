// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/tls"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// builder makes a [Config] and collects faults on the way.
type builder struct {
	dir  string // where relative file names start
	read func(string) ([]byte, error)
	bad  faults
	// unreadable is that of arvados.
	unreadable bool
	// provided stands in for an Arvados configuration file.
	provided Provided
}

// defaultTTL is Arvados' own default life of permission signatures.
const defaultTTL = 336 * time.Hour

func (b *builder) build(f *file) *Config {
	arvados := b.arvados(f)
	b.unreadable = arvados.unreadable
	c := &Config{
		Listen:          b.listen(f.Listen),
		TLS:             b.tls(f.TLS),
		ClusterID:       b.clusterID(f.ClusterID, arvados),
		API:             b.api(f, arvados),
		Signing:         b.signing(f.BlobSigning, arvados),
		SystemRootToken: b.secret(f.SystemRootToken, f.SystemRootTokenFile),
		ManagementToken: b.secret(f.ManagementToken, f.ManagementTokenFile),
		Aware:           Aware(b.oneOf(f.Aware, string(AwareAuto), string(AwareAlways), string(AwareNever))),
		AllowedOrigins:  b.origins(f.AllowedOrigins),
		Endpoints:       b.endpoints(f.Endpoints),
		Limits:          b.limits(f.Limits),
		Trash:           b.trash(f, arvados),
		Log:             b.log(f.Log),
	}
	if c.SystemRootToken.IsZero() {
		c.SystemRootToken = arvados.systemRootToken
	}
	if c.ManagementToken.IsZero() {
		c.ManagementToken = arvados.managementToken
	}
	c.KeepServiceUUID = b.keepService(f.KeepServiceUUID, c.ClusterID)
	c.Issuer = b.issuer(f.Issuer)
	b.audiences(f, c)
	c.Roles = b.roles(f.Roles)
	c.Rules = b.rules(f, c, arvados)
	b.checkRoles(f, c)
	b.checkAudiences(f, c)
	c.Volumes = b.volumes(f, c)
	b.refuseProvided(f)
	return c
}

func (b *builder) listen(v value) string {
	host, port, err := net.SplitHostPort(v.text)
	if err != nil || host != "" && !isHost(host) {
		b.bad.add(v.place, "expected host:port, such as 127.0.0.1:25107, or :25107 for every interface")
		return ""
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		b.bad.add(v.place, "the port must be a number from 0 to 65535")
	}
	return v.text
}

func (b *builder) tls(f fileTLS) TLS {
	if !f.CertFile.given() && !f.KeyFile.given() {
		return TLS{}
	}
	if !f.CertFile.given() || !f.KeyFile.given() {
		b.bad.add(f.place, "cert_file and key_file belong together: give both or none")
		return TLS{}
	}
	cert, certOK := b.contents(f.CertFile)
	key, keyOK := b.contents(f.KeyFile)
	if certOK && keyOK {
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			b.bad.add(f.place, "cert_file and key_file are not a PEM certificate and its private key")
		}
	}
	return TLS{CertFile: b.path(f.CertFile), KeyFile: b.path(f.KeyFile)}
}

func (b *builder) clusterID(v value, arvados arvados) string {
	if !v.given() {
		return arvados.clusterID
	}
	if !isClusterID(v.text) {
		b.bad.add(v.place, "a cluster id is five of a-z and 0-9")
	}
	return v.text
}

func isClusterID(s string) bool {
	return len(s) == 5 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

func (b *builder) api(f *file, arvados arvados) API {
	a := API{URL: b.origin(f.API.URL, "https", "http"), CAFile: b.caFile(f.API.CAFile)}
	if !f.API.URL.given() {
		a.URL = arvados.apiURL
		if !f.API.CAFile.given() {
			a.CAFile = arvados.apiCAFile
		}
	}
	if a.URL == "" && !f.API.URL.given() && !arvados.unreadable {
		b.bad.add(f.API.key("url"), "the address of the Arvados API server is missing: give it here, or give arvados_config")
	}
	return a
}

func (b *builder) signing(f fileSigning, arvados arvados) Signing {
	s := Signing{Key: b.secret(f.Key, f.KeyFile), TTL: defaultTTL}
	if s.Key.IsZero() && !f.Key.given() && !f.KeyFile.given() {
		s.Key = arvados.signingKey
	}
	switch {
	case f.TTL.given():
		s.TTL = b.duration(f.TTL)
	case arvados.signingTTL > 0:
		s.TTL = arvados.signingTTL
	}
	return s
}

func (b *builder) keepService(v value, cluster string) string {
	switch {
	case !v.given():
	case !isUUID(v.text, "bi6l4"):
		b.bad.add(v.place, "a keep service UUID has 27 characters, such as zzzzz-bi6l4-000000000000000")
	case isClusterID(cluster) && !strings.HasPrefix(v.text, cluster):
		b.bad.add(v.place, "this keep service belongs to another cluster than %s", cluster)
	}
	return v.text
}

// origins are compared with what browsers send, byte for byte.
func (b *builder) origins(list []value) []string {
	var all []string
	for _, v := range list {
		got := b.origin(v, "https", "http")
		switch {
		case !v.given():
			b.bad.add(v.place, "an empty origin matches nothing: remove it")
		case got == "":
		case got != v.text || strings.HasPrefix(got, "https:") && strings.HasSuffix(got, ":443") ||
			strings.HasPrefix(got, "http:") && strings.HasSuffix(got, ":80"):
			b.bad.add(v.place, "write the origin as browsers do: lower case, no \"/\" at the end, no default port")
		}
		all = append(all, got)
	}
	return all
}

func (b *builder) limits(f fileLimits) Limits {
	return Limits{
		MaxRequests: b.count(f.MaxRequests),
		MaxImports:  b.count(f.MaxImports),
		Memory:      b.size(f.Memory),
		MinRate:     b.size(f.MinRate),
		Stall:       b.duration(f.Stall),
		Total:       b.duration(f.Total),
		Drain:       b.duration(f.Drain),
	}
}

func (b *builder) log(f fileLog) Log {
	var level slog.Level
	if word := b.oneOf(f.Level, "debug", "info", "warn", "error"); word != "" {
		_ = level.UnmarshalText([]byte(word)) // each of the words is a level
	}
	return Log{Level: level, JSON: b.oneOf(f.Format, "json", "text") == "json"}
}

// region checks the text, which becomes part of a host name.
func (b *builder) region(v value) string {
	switch {
	case !v.given():
		b.bad.add(v.place, "the region is missing; S3 servers outside AWS mostly use us-east-1")
	case len(v.text) > 40 || strings.Trim(v.text, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
		strings.HasPrefix(v.text, "-") || strings.HasSuffix(v.text, "-"):
		b.bad.add(v.place, "a region is of a-z, 0-9 and \"-\", such as eu-central-1")
	}
	return v.text
}
