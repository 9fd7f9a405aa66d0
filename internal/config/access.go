// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
)

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (b *builder) endpoints(all map[string]fileEndpoint) map[string]*creds.Endpoint {
	out := map[string]*creds.Endpoint{}
	for _, name := range sortedNames(all) {
		out[name] = b.endpoint(name, all[name])
	}
	return out
}

func (b *builder) endpoint(name string, f fileEndpoint) *creds.Endpoint {
	e := &creds.Endpoint{
		Name:            name,
		URL:             b.origin(f.URL, "https", "http"),
		Region:          b.region(f.Region),
		PathStyle:       b.boolean(f.PathStyle),
		CAFile:          b.caFile(f.CAFile),
		Credentials:     creds.CredentialsInstance,
		AccessKeyID:     f.AccessKeyID.text,
		SecretAccessKey: b.secret(f.SecretAccessKey, f.SecretAccessKeyFile),
		SessionToken:    b.secret(f.SessionToken, f.SessionTokenFile),
		STSURL:          b.origin(f.STSURL, "https", "http"),
		NoWebIdentity:   !b.boolean(f.WebIdentity),
		MetadataURL:     b.origin(f.MetadataURL, "http", "https"),
	}
	switch {
	case f.Credentials.given():
		e.Credentials = b.oneOf(f.Credentials, creds.CredentialsStatic, creds.CredentialsInstance, creds.CredentialsEnvironment)
	case hasKeys(f):
		e.Credentials = creds.CredentialsStatic
	}
	b.checkKeys(e.Credentials, f)
	b.regions(e, f)
	return e
}

func hasKeys(f fileEndpoint) bool {
	return f.AccessKeyID.given() || f.SecretAccessKey.given() || f.SecretAccessKeyFile.given() ||
		f.SessionToken.given() || f.SessionTokenFile.given()
}

// checkKeys refuses half a key pair, and keys that would not be used.
func (b *builder) checkKeys(kind string, f fileEndpoint) {
	secret := f.SecretAccessKey.given() || f.SecretAccessKeyFile.given()
	switch {
	case kind == creds.CredentialsStatic && !f.AccessKeyID.given():
		b.bad.add(f.AccessKeyID.place, "the access key id is missing: credentials: static needs it")
	case kind == creds.CredentialsStatic && !secret:
		b.bad.add(f.SecretAccessKey.place, "the secret access key is missing: credentials: static needs it, here or in secret_access_key_file")
	case kind != "" && kind != creds.CredentialsStatic && hasKeys(f):
		b.bad.add(f.Credentials.place, "the endpoint has keys of its own, which credentials: %s does not use: remove one of the two", kind)
	}
	if kind != creds.CredentialsInstance && f.MetadataURL.given() {
		b.bad.add(f.MetadataURL.place, "metadata_url is used with credentials: instance only")
	}
}

// rules reads the access rules. Their order does not matter.
func (b *builder) rules(f *file, c *Config, arvados arvados) []creds.Rule {
	var rules []creds.Rule
	first := map[string]int{}
	for _, r := range f.Access {
		rule := b.rule(r, c.Endpoints)
		if url := r.URL.text; first[url] > 0 && url != "" {
			b.bad.add(r.URL.place, "there is a rule for this URL already, on line %d", first[url])
		} else {
			first[url] = r.line
		}
		b.checkSigning(r, rule.Mode, c.Signing, arvados)
		rules = append(rules, rule)
	}
	return rules
}

func (b *builder) rule(f fileRule, endpoints map[string]*creds.Endpoint) creds.Rule {
	bucket, prefix := b.ruleURL(f.URL)
	rule := creds.Rule{
		Bucket:        bucket,
		Prefix:        prefix,
		Endpoint:      b.ruleEndpoint(f.Endpoint, endpoints),
		Mode:          b.mode(f.Mode),
		Role:          f.Role.text,
		Import:        b.importers(f.Import),
		RequesterPays: b.boolean(f.RequesterPays),
		EtagPin:       b.oneOf(f.Unversioned, "refuse", "etag") == "etag",
	}
	switch named := len(f.Import.Users)+len(f.Import.Groups) > 0; {
	case named && rule.Mode == creds.Anonymous:
		b.bad.add(f.Import.place, "import is for mode iam only: under mode %s every active user may import", rule.Mode)
	case named && rule.Mode.Personal():
		b.bad.add(f.Import.place, "import is for mode iam only: under mode %s S3 decides who may import", rule.Mode)
	}
	return rule
}

// ruleURL takes the URL apart. Its prefix is the bytes of the keys: nothing
// in it is percent-encoded.
func (b *builder) ruleURL(v value) (bucket, prefix string) {
	rest, ok := strings.CutPrefix(v.text, "s3://")
	bucket, prefix, slash := strings.Cut(rest, "/")
	switch {
	case !v.given():
		b.bad.add(v.place, "the URL is missing: expected s3://bucket/ or s3://bucket/prefix/")
		return "", ""
	case !ok || !slash || !strings.HasSuffix(v.text, "/") || strings.Contains(bucket, "@"):
		b.bad.add(v.place, "expected s3://bucket/ or s3://bucket/prefix/, with the \"/\" at the end")
		return "", ""
	}
	if err := locator.CheckBucket(bucket); err != nil {
		b.bad.add(v.place, "%s", err.Error())
	}
	if err := creds.CheckPrefix(prefix); err != nil {
		b.bad.add(v.place, "%s", err.Error())
	}
	return bucket, prefix
}

func (b *builder) ruleEndpoint(v value, endpoints map[string]*creds.Endpoint) *creds.Endpoint {
	if !v.given() {
		b.bad.add(v.place, "the endpoint is missing: name one of those under endpoints")
		return nil
	}
	endpoint := endpoints[v.text]
	if endpoint == nil {
		b.bad.add(v.place, "there is no endpoint of this name under endpoints; there are: %s",
			cmp.Or(strings.Join(sortedNames(endpoints), ", "), "none"))
	}
	return endpoint
}

func (b *builder) mode(v value) creds.Mode {
	if !v.given() {
		b.bad.add(v.place, "the mode is missing: expected iam, role, token or anonymous")
		return ""
	}
	return creds.Mode(b.oneOf(v, string(creds.IAM), string(creds.Role), string(creds.Token), string(creds.Anonymous)))
}

func (b *builder) importers(f fileImport) creds.Importers {
	var who creds.Importers
	for _, v := range f.Users {
		if v.text != "*" && !isUUID(v.text, "tpzed") {
			b.bad.add(v.place, "expected a user UUID, such as zzzzz-tpzed-000000000000000, or \"*\" for every active user")
		}
		who.Users = append(who.Users, v.text)
	}
	for _, v := range f.Groups {
		if !isUUID(v.text, "j7d0g") {
			b.bad.add(v.place, "expected a group UUID, such as zzzzz-j7d0g-000000000000000; for every active user write users: [\"*\"]")
		}
		who.Groups = append(who.Groups, v.text)
	}
	return who
}

// checkSigning refuses modes whose readers are known by their permission
// signature alone when there are no signatures: anybody with a token could
// read whatever the server can.
func (b *builder) checkSigning(f fileRule, mode creds.Mode, s Signing, arvados arvados) {
	if mode == "" || mode.Personal() {
		return
	}
	if arvados.signingOff {
		b.bad.add(f.Mode.place, "mode %s needs permission signatures, and BlobSigning is off in arvados_config: "+
			"without them any user could read all that this server can; switch it on", mode)
	} else if s.Key.IsZero() && !arvados.unreadable {
		b.bad.add(f.Mode.place, "mode %s needs permission signatures, and there is no key for them: "+
			"without them any user could read all that this server can; give blob_signing.key_file", mode)
	}
}
