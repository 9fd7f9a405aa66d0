// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// base is a small good file; faulty lines are added to it or replace a part
// of it. Its line numbers are in the faults below.
const base = `cluster_id: zzzzz
api: {url: "https://zzzzz.example.org"}
blob_signing: {key: hunter2-blob}
endpoints:
  aws: {region: us-east-1}
access:
  - {url: "s3://b-1/", endpoint: aws, mode: iam}
`

func TestBaseIsGood(t *testing.T) { mustLoad(t, base) }

// TestFaults: each case puts one thing wrong and must report just that. The
// base file is the positive control of all of them.
func TestFaults(t *testing.T) {
	const (
		api      = `api: {url: "https://zzzzz.example.org"}`
		endpoint = `aws: {region: us-east-1}`
		rule     = `{url: "s3://b-1/", endpoint: aws, mode: iam}`
		signing  = `blob_signing: {key: hunter2-blob}`
	)
	tests := map[string]struct{ old, new, want string }{
		"unknown key":         {"", "lisen: 1", `8: there is no key "lisen"; did you mean "listen"?`},
		"unknown with dash":   {"", "tls: {cert-file: x}", `8: tls: there is no key "cert-file"; did you mean "cert_file"?`},
		"unknown deep":        {rule, `{url: "s3://b-1/", endpoint: aws, mode: iam, import: {user: []}}`, `7: access[0].import: there is no key "user"; did you mean "users"?`},
		"unknown far":         {"", "log: {colour: 1}", `8: log: there is no key "colour"; the keys are level, format`},
		"missing space":       {endpoint, `aws: {region: us-east-1, secret_access_key:hunter2}`, `5: endpoints.aws: the value of "secret_access_key" needs a space before it, after the colon`},
		"odd key":             {"", "log: {Hunter2: 1}", `8: log: there is a key here that does not exist; the keys are level, format`},
		"repeated key":        {"", "cluster_id: zzzzz", `8: "cluster_id" is here twice; the first is on line 1`},
		"repeated endpoint":   {endpoint, "aws: {region: us-east-1}\n  aws: {region: us-east-1}", `6: endpoints: "aws" is here twice; the first is on line 5`},
		"list for value":      {"", "listen: [hunter2]", `8: listen: expected one value, found a list`},
		"value for list":      {"", "allowed_origins: hunter2", `8: allowed_origins: expected a list, found one value`},
		"value for keys":      {"", "log: hunter2", `8: log: expected keys with values, found one value`},
		"list for keys":       {"", "log: [hunter2]", `8: log: expected keys with values, found a list`},
		"complex key":         {"", "? [hunter2]\n: x", `8: a key must be plain text`},
		"alias":               {"", "system_root_token: &x hunter2\nmanagement_token: *x", `9: management_token: YAML aliases (*name) are not supported: write the value out, or quote it`},
		"unknown anchor":      {"", "management_token: *hunter2", `8: this is not YAML: a value that begins with * must be quoted`},
		"tag":                 {"", "management_token: !!binary aHVudGVyMg==", `8: management_token: YAML tags are not supported: write the plain value`},
		"two documents":       {"", "---\nlisten: x", `8: a second YAML document begins here: write one`},
		"not yaml":            {"", "a: b: hunter2", `8: this is not YAML: mapping values are not allowed in this context`},
		"endpoint name":       {endpoint, "aws: {region: us-east-1}\n  A/B: {region: us-east-1}", `6: endpoints: a name here must be of a-z, 0-9, "-" and "_", at most 40 characters`},
		"listen":              {"", "listen: localhost", `8: listen: expected host:port, such as 127.0.0.1:25107, or :25107 for every interface`},
		"listen port":         {"", "listen: :http", `8: listen: the port must be a number from 0 to 65535`},
		"tls half":            {"", "tls: {cert_file: cert.pem}", `8: tls: cert_file and key_file belong together: give both or none`},
		"tls pair":            {"", "tls: {cert_file: cert.pem, key_file: secret}", `8: tls: cert_file and key_file are not a PEM certificate and its private key`},
		"tls missing":         {"", "tls: {cert_file: cert.pem, key_file: hunter2}", `8: tls.key_file: the file does not exist`},
		"cluster id":          {"cluster_id: zzzzz", "cluster_id: zzzz", `1: cluster_id: a cluster id is five of a-z and 0-9`},
		"no api":              {api, "api: {}", `2: api.url: the address of the Arvados API server is missing: give it here, or give arvados_config`},
		"api path":            {api, `api: {url: "https://x/arvados"}`, `2: api.url: expected scheme, host and port only, without a path, query or fragment`},
		"api password":        {api, `api: {url: "https://me:hunter2@x"}`, `2: api.url: there must be no user or password in a URL`},
		"api scheme":          {api, `api: {url: "ftp://x"}`, `2: api.url: the URL must begin with https:// or http://`},
		"api bare host":       {api, `api: {url: "zzzzz.example.org"}`, `2: api.url: expected scheme, host and port, such as https://host.example:9000`},
		"api port":            {api, `api: {url: "https://x:99999"}`, `2: api.url: the host or port of the URL is not valid`},
		"api ca":              {api, `api: {url: "https://x", ca_file: secret}`, `2: api.ca_file: the file holds no certificate in PEM form`},
		"api ca missing":      {api, `api: {url: "https://x", ca_file: nothing}`, `2: api.ca_file: the file does not exist`},
		"secret twice":        {"", "management_token: hunter2\nmanagement_token_file: secret", `9: management_token_file: the secret is given twice, here and inline: keep one`},
		"secret file missing": {"", "management_token_file: hunter2", `8: management_token_file: the file does not exist`},
		"secret file empty":   {"", "management_token_file: empty", `8: management_token_file: the file is empty`},
		"ttl":                 {signing, "blob_signing: {key: hunter2, ttl: 14d}", `3: blob_signing.ttl: expected a time above zero with its unit, such as 5s, 2m30s or 336h`},
		"ttl zero":            {signing, "blob_signing: {key: hunter2, ttl: 0s}", `3: blob_signing.ttl: expected a time above zero with its unit, such as 5s, 2m30s or 336h`},
		"iam unsigned":        {signing, "", `7: access[0].mode: mode iam needs permission signatures, and there is no key for them: without them any user could read all that this server can; give blob_signing.key_file`},
		"keep service":        {"", "keep_service_uuid: zzzzz-bi6l4-00000000000000", `8: keep_service_uuid: a keep service UUID has 27 characters, such as zzzzz-bi6l4-000000000000000`},
		"other cluster":       {"", "keep_service_uuid: yyyyy-bi6l4-000000000000000", `8: keep_service_uuid: this keep service belongs to another cluster than zzzzz`},
		"aware":               {"", "require_aware_clients: alwyas", `8: require_aware_clients: did you mean always? It is one of auto, always, never`},
		"aware far":           {"", "require_aware_clients: true", `8: require_aware_clients: expected one of auto, always, never`},
		"origin slash":        {"", `allowed_origins: ["https://w.example/"]`, `8: allowed_origins[0]: write the origin as browsers do: lower case, no "/" at the end, no default port`},
		"origin case":         {"", `allowed_origins: ["https://W.example"]`, `8: allowed_origins[0]: write the origin as browsers do: lower case, no "/" at the end, no default port`},
		"origin port":         {"", `allowed_origins: ["https://w.example:443"]`, `8: allowed_origins[0]: write the origin as browsers do: lower case, no "/" at the end, no default port`},
		"origin star":         {"", `allowed_origins: ["*"]`, `8: allowed_origins[0]: expected scheme, host and port, such as https://host.example:9000`},
		"origin empty":        {"", `allowed_origins: [""]`, `8: allowed_origins[0]: an empty origin matches nothing: remove it`},
		"no region":           {endpoint, "aws: {}", `5: endpoints.aws.region: the region is missing; S3 servers outside AWS mostly use us-east-1`},
		"region host":         {endpoint, "aws: {region: evil.example/}", `5: endpoints.aws.region: a region is of a-z, 0-9 and "-", such as eu-central-1`},
		"endpoint query":      {endpoint, `aws: {region: r, url: "http://x?y"}`, `5: endpoints.aws.url: expected scheme, host and port only, without a path, query or fragment`},
		"path style":          {endpoint, `aws: {region: r, path_style: yes}`, `5: endpoints.aws.path_style: expected true or false`},
		"half keys":           {endpoint, `aws: {region: r, access_key_id: AK}`, `5: endpoints.aws.secret_access_key: the secret access key is missing: credentials: static needs it, here or in secret_access_key_file`},
		"other half":          {endpoint, `aws: {region: r, secret_access_key: hunter2}`, `5: endpoints.aws.access_key_id: the access key id is missing: credentials: static needs it`},
		"unused keys":         {endpoint, `aws: {region: r, access_key_id: AK, secret_access_key: hunter2, credentials: environment}`, `5: endpoints.aws.credentials: the endpoint has keys of its own, which credentials: environment does not use: remove one of the two`},
		"credentials":         {endpoint, `aws: {region: r, credentials: env}`, `5: endpoints.aws.credentials: expected one of static, instance, environment`},
		"metadata unused":     {endpoint, `aws: {region: r, credentials: environment, metadata_url: "http://x"}`, `5: endpoints.aws.metadata_url: metadata_url is used with credentials: instance only`},
		"no rule url":         {rule, "{endpoint: aws, mode: iam}", `7: access[0].url: the URL is missing: expected s3://bucket/ or s3://bucket/prefix/`},
		"rule no slash":       {rule, `{url: "s3://b-1/x", endpoint: aws, mode: iam}`, `7: access[0].url: expected s3://bucket/ or s3://bucket/prefix/, with the "/" at the end`},
		"rule only bucket":    {rule, `{url: "s3://b-1", endpoint: aws, mode: iam}`, `7: access[0].url: expected s3://bucket/ or s3://bucket/prefix/, with the "/" at the end`},
		"rule scheme":         {rule, `{url: "http://b-1/", endpoint: aws, mode: iam}`, `7: access[0].url: expected s3://bucket/ or s3://bucket/prefix/, with the "/" at the end`},
		"rule user":           {rule, `{url: "s3://AK:hunter2@b-1/", endpoint: aws, mode: iam}`, `7: access[0].url: expected s3://bucket/ or s3://bucket/prefix/, with the "/" at the end`},
		"rule bucket":         {rule, `{url: "s3://B_1/", endpoint: aws, mode: iam}`, `7: access[0].url: the bucket name "B_1" may hold only a-z, 0-9, "." and "-"`},
		"rule star":           {rule, `{url: "s3://*/", endpoint: aws, mode: iam}`, `7: access[0].url: the bucket name "*" must have 3 to 63 characters`},
		"rule dots":           {rule, `{url: "s3://b-1/a/../", endpoint: aws, mode: iam}`, `7: access[0].url: the prefix of an access rule must not hold an empty, "." or ".." segment`},
		"rule twice":          {rule, rule + "\n  - " + rule, `8: access[1].url: there is a rule for this URL already, on line 7`},
		"no endpoint":         {rule, `{url: "s3://b-1/", mode: iam}`, `7: access[0].endpoint: the endpoint is missing: name one of those under endpoints`},
		"unknown endpoint":    {rule, `{url: "s3://b-1/", endpoint: asw, mode: iam}`, `7: access[0].endpoint: there is no endpoint of this name under endpoints; there are: aws`},
		"no mode":             {rule, `{url: "s3://b-1/", endpoint: aws}`, `7: access[0].mode: the mode is missing: expected iam or anonymous`},
		"bad mode":            {rule, `{url: "s3://b-1/", endpoint: aws, mode: IAM}`, `7: access[0].mode: did you mean iam? It is one of iam, anonymous`},
		"mode token":          {rule, `{url: "s3://b-1/", endpoint: aws, mode: token}`, `7: access[0].mode: mode token is not available in this version: expected iam or anonymous`},
		"mode role":           {rule, `{url: "s3://b-1/", endpoint: aws, mode: role, role: "arn:x"}`, `7: access[0].mode: mode role is not available in this version: expected iam or anonymous`},
		"stray role":          {rule, `{url: "s3://b-1/", endpoint: aws, mode: iam, role: "arn:x"}`, `7: access[0].role: role is for mode role only`},
		"import anonymous":    {rule, `{url: "s3://b-1/", endpoint: aws, mode: anonymous, import: {users: ["*"]}}`, `7: access[0].import: import is for mode iam only: under mode anonymous every active user may import`},
		"import user":         {rule, `{url: "s3://b-1/", endpoint: aws, mode: iam, import: {users: [me]}}`, `7: access[0].import.users[0]: expected a user UUID, such as zzzzz-tpzed-000000000000000, or "*" for every active user`},
		"import group":        {rule, `{url: "s3://b-1/", endpoint: aws, mode: iam, import: {groups: ["*"]}}`, `7: access[0].import.groups[0]: expected a group UUID, such as zzzzz-j7d0g-000000000000000; for every active user write users: ["*"]`},
		"unversioned":         {rule, `{url: "s3://b-1/", endpoint: aws, mode: iam, unversioned: allow}`, `7: access[0].unversioned: expected one of refuse, etag`},
		"limit count":         {"", "limits: {max_requests: 0}", `8: limits.max_requests: expected a whole number above zero`},
		"limit size":          {"", "limits: {memory: 1GB}", `8: limits.memory: expected a number of bytes above zero, such as 65536, 32KiB or 1GiB (units B, KiB, MiB, GiB, TiB)`},
		"limit size overflow": {"", "limits: {memory: 9000000000GiB}", `8: limits.memory: expected a number of bytes above zero, such as 65536, 32KiB or 1GiB (units B, KiB, MiB, GiB, TiB)`},
		"limit time":          {"", "limits: {stall: 5}", `8: limits.stall: expected a time above zero with its unit, such as 5s, 2m30s or 336h`},
		"log level":           {"", "log: {level: warning}", `8: log.level: expected one of debug, info, warn, error`},
		"log format":          {"", "log: {format: txt}", `8: log.format: did you mean text? It is one of json, text`},
		"issuer":              {"", `issuer: {url: "https://x"}`, `8: issuer: this is not available in this version: remove it`},
		"roles":               {"", `roles: {allow: ["arn:x"]}`, `8: roles: this is not available in this version: remove it`},
		"volumes":             {"", `volumes: [{driver: directory, root: /x}]`, `8: volumes[0]: this is not available in this version: remove it`},
		"sts":                 {endpoint, `aws: {region: r, sts_url: "https://x"}`, `5: endpoints.aws.sts_url: this is not available in this version: remove it`},
		"arvados missing":     {"", "arvados_config: nothing.yml", `8: arvados_config: the file does not exist`},
		"arvados not yaml":    {"", "arvados_config: secret", `8: arvados_config: that file has no cluster of this id`},
		"arvados other":       {"cluster_id: zzzzz", "cluster_id: xxxxx\narvados_config: arvados.yml", `2: arvados_config: that file has no cluster of this id`},
		"arvados which":       {"cluster_id: zzzzz", "arvados_config: arvados.yml", `1: arvados_config: that file has 2 clusters: say with cluster_id which one is meant`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text := base + test.new
			if test.old != "" {
				text = strings.Replace(base, test.old, test.new, 1)
			}
			_, err := loadText(t, text)
			if err == nil {
				t.Fatalf("no fault in\n%s", text)
			}
			if diff := cmp.Diff("keepstore.yml:"+test.want, err.Error()); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("a fault shows a secret")
			}
		})
	}
}

// TestSigningOff: Arvados says that it does not sign, so a rule that rests on
// signatures must not start, even with a key at hand.
func TestSigningOff(t *testing.T) {
	text := "arvados_config: arvados.yml\n" + strings.Replace(base, "cluster_id: zzzzz", "cluster_id: yyyyy", 1)
	_, err := loadText(t, text)
	const want = "keepstore.yml:8: access[0].mode: mode iam needs permission signatures, and BlobSigning is off in arvados_config: " +
		"without them any user could read all that this server can; switch it on"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	mustLoad(t, "arvados_config: arvados.yml\n"+base)
}

// TestManyFaults: everything that is wrong comes at once, in the order of the
// lines.
func TestManyFaults(t *testing.T) {
	const text = `listen: nowhere
colour: red
endpoints:
  aws: {url: "ftp://x"}
access:
  - {url: "s3://b-1", endpoint: asw, mode: token}
  - just text
limits: {total: soon, memory: 1MB}
volumes: [{driver: s3, endpoint: aws, bucket: keep-blocks}]
`
	want := []Fault{
		{"api.url", 1, "the address of the Arvados API server is missing: give it here, or give arvados_config"},
		{"listen", 1, "expected host:port, such as 127.0.0.1:25107, or :25107 for every interface"},
		{"", 2, `there is no key "colour"`},
		{"endpoints.aws.region", 4, "the region is missing; S3 servers outside AWS mostly use us-east-1"},
		{"endpoints.aws.url", 4, "the URL must begin with https:// or http://"},
		{"access[0].endpoint", 6, "there is no endpoint of this name under endpoints; there are: aws"},
		{"access[0].mode", 6, "mode token is not available in this version: expected iam or anonymous"},
		{"access[0].url", 6, `expected s3://bucket/ or s3://bucket/prefix/, with the "/" at the end`},
		{"access[1]", 7, "expected keys with values, found one value"},
		{"limits.memory", 8, "expected a number of bytes above zero, such as 65536, 32KiB or 1GiB (units B, KiB, MiB, GiB, TiB)"},
		{"limits.total", 8, "expected a time above zero with its unit, such as 5s, 2m30s or 336h"},
		{"volumes[0]", 9, "this is not available in this version: remove it"},
	}
	_, err := loadText(t, text)
	var bad *Error
	if !errors.As(err, &bad) {
		t.Fatalf("got %v", err)
	}
	for i, fault := range bad.Faults {
		bad.Faults[i].Text, _, _ = strings.Cut(fault.Text, "; the keys are")
	}
	if diff := cmp.Diff(want, bad.Faults); diff != "" {
		t.Error(diff)
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(want) {
		t.Errorf("%d faults are printed on %d lines", len(want), lines)
	}
}
