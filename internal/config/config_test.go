// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/google/go-cmp/cmp"
)

// disk is a set of files that exist only in a test.
type disk map[string]string

func (d disk) read(name string) ([]byte, error) {
	if data, ok := d[name]; ok {
		return []byte(data), nil
	}
	return nil, errors.New("the file does not exist")
}

// files are those that the configurations of the tests name.
func files(t testing.TB) disk {
	t.Helper()
	arvados, err := os.ReadFile("testdata/arvados.yml")
	if err != nil {
		t.Fatal(err)
	}
	d := disk{"/etc/arvados.yml": string(arvados)}
	d["/etc/cert.pem"], d["/etc/key.pem"] = testPEM(t)
	d["/etc/ca.pem"] = d["/etc/cert.pem"]
	d["/etc/secret"] = "hunter2-from-file\n"
	d["/etc/crlf"] = "hunter2-crlf\r\n"
	d["/etc/empty"] = "\n"
	return d
}

func loadText(t testing.TB, text string) (*Config, error) {
	t.Helper()
	return load("keepstore.yml", "/etc", []byte(text), files(t).read)
}

func mustLoad(t testing.TB, text string) *Config {
	t.Helper()
	c, err := loadText(t, text)
	if err != nil {
		t.Fatalf("unexpected faults:\n%v", err)
	}
	return c
}

const full = `
listen: ":8443"
tls: {cert_file: cert.pem, key_file: key.pem}
cluster_id: zzzzz
api: {url: "https://zzzzz.example.org/", ca_file: /etc/ca.pem}
blob_signing: {key_file: secret, ttl: 24h}
system_root_token: hunter2-root
management_token_file: crlf
keep_service_uuid: zzzzz-bi6l4-000000000000000
require_aware_clients: always
allowed_origins: ["https://workbench.example.org", "http://localhost:3000"]
endpoints:
  aws: {region: us-east-1}
  env: {region: cn-north-1, credentials: environment}
  imds: {region: eu-west-1, credentials: instance, metadata_url: "http://127.0.0.1:1338"}
  lab: {url: "https://MinIO.lab:9000", region: us-east-1, path_style: true, sts_url: "", ca_file: ca.pem,
        access_key_id: AK, secret_access_key: hunter2-inline, session_token_file: secret}
access:
  - {url: "s3://genomics-ref/", endpoint: aws, mode: iam, import: {users: ["*", zzzzz-tpzed-000000000000000]}}
  - {url: "s3://lab-raw/public/a%2F b/", endpoint: lab, mode: iam, import: {groups: [zzzzz-j7d0g-000000000000000]}, requester_pays: true}
  - {url: "s3://open/", endpoint: env, mode: anonymous, unversioned: etag}
volumes:
  - {driver: directory, root: keep, serialize: true}
  - {driver: s3, endpoint: lab, bucket: keep-blocks, prefix: k/, replication: 2, storage_classes: [a, b], read_only: true, priority: -1, uuid: zzzzz-nyw5e-000000000000000}
blob_trash: false
trash_lifetime: 1h
limits: {max_requests: 10, memory: 2GiB, stall: 1s, min_rate: 1000, total: 2m, max_imports: 3, drain: 4s}
log: {level: debug, format: text}
`

func TestLoadFull(t *testing.T) {
	got := mustLoad(t, full)
	lab := &creds.Endpoint{
		Name: "lab", URL: "https://minio.lab:9000", Region: "us-east-1", PathStyle: true, CAFile: "/etc/ca.pem",
		Credentials: "static", AccessKeyID: "AK",
		SecretAccessKey: creds.NewSecret("hunter2-inline"), SessionToken: creds.NewSecret("hunter2-from-file"),
	}
	env := &creds.Endpoint{Name: "env", Region: "cn-north-1", Credentials: "environment"}
	aws := &creds.Endpoint{Name: "aws", Region: "us-east-1", Credentials: "instance"}
	want := &Config{
		Listen:          ":8443",
		TLS:             TLS{"/etc/cert.pem", "/etc/key.pem"},
		ClusterID:       "zzzzz",
		API:             API{"https://zzzzz.example.org", "/etc/ca.pem"},
		Signing:         Signing{creds.NewSecret("hunter2-from-file"), 24 * time.Hour},
		SystemRootToken: creds.NewSecret("hunter2-root"),
		ManagementToken: creds.NewSecret("hunter2-crlf"),
		KeepServiceUUID: "zzzzz-bi6l4-000000000000000",
		Aware:           AwareAlways,
		AllowedOrigins:  []string{"https://workbench.example.org", "http://localhost:3000"},
		Endpoints: map[string]*creds.Endpoint{
			"aws": aws, "env": env, "lab": lab,
			"imds": {Name: "imds", Region: "eu-west-1", Credentials: "instance", MetadataURL: "http://127.0.0.1:1338"},
		},
		Rules: []creds.Rule{
			{Bucket: "genomics-ref", Endpoint: aws, Mode: creds.IAM, Import: creds.Importers{Users: []string{"*", "zzzzz-tpzed-000000000000000"}}},
			{Bucket: "lab-raw", Prefix: "public/a%2F b/", Endpoint: lab, Mode: creds.IAM, RequesterPays: true,
				Import: creds.Importers{Groups: []string{"zzzzz-j7d0g-000000000000000"}}},
			{Bucket: "open", Endpoint: env, Mode: creds.Anonymous, EtagPin: true},
		},
		Volumes: []Volume{
			{Driver: "directory", Root: "/etc/keep", Replication: 1, Classes: []string{"default"}, Serialize: true},
			{Driver: "s3", Endpoint: lab, Bucket: "keep-blocks", Prefix: "k/", Replication: 2, Classes: []string{"a", "b"}, ReadOnly: true, Priority: -1,
				UUID: "zzzzz-nyw5e-000000000000000"},
		},
		Trash:  Trash{Enabled: false, Lifetime: time.Hour},
		Limits: Limits{10, 3, 2 << 30, 1000, time.Second, 2 * time.Minute, 4 * time.Second},
		Log:    Log{Level: slog.LevelDebug},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Rules[1].Endpoint != got.Endpoints["lab"] {
		t.Error("a rule has a copy of its endpoint: caches by address would not work")
	}
	if _, err := creds.NewChain(got.Rules, nil); err != nil {
		t.Error("the rules do not make a chain:", err)
	}
}

func TestDefaults(t *testing.T) {
	got := mustLoad(t, `api: {url: "https://zzzzz.example.org"}`)
	want := &Config{
		Listen:    "127.0.0.1:25107",
		API:       API{URL: "https://zzzzz.example.org"},
		Signing:   Signing{TTL: 336 * time.Hour},
		Aware:     AwareAuto,
		Endpoints: map[string]*creds.Endpoint{},
		Trash:     Trash{Enabled: true, Lifetime: 336 * time.Hour},
		Limits:    Limits{512, 16, 1 << 30, 32 << 10, 5 * time.Second, 240 * time.Second, 30 * time.Second},
		Log:       Log{Level: slog.LevelInfo, JSON: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestArvadosConfig(t *testing.T) {
	got := mustLoad(t, "arvados_config: arvados.yml\ncluster_id: zzzzz\n")
	want := &Config{
		Listen:          "127.0.0.1:25107",
		ClusterID:       "zzzzz",
		API:             API{URL: "https://zzzzz.example.org"},
		Signing:         Signing{creds.NewSecret("hunter2-arvados-blob"), 14 * time.Hour},
		SystemRootToken: creds.NewSecret("hunter2-arvados-root"),
		ManagementToken: creds.NewSecret("hunter2-arvados-mgmt"),
		Aware:           AwareAuto,
		Endpoints:       map[string]*creds.Endpoint{},
		Trash:           Trash{Enabled: false, Lifetime: 50 * time.Hour},
		Limits:          Limits{512, 16, 1 << 30, 32 << 10, 5 * time.Second, 240 * time.Second, 30 * time.Second},
		Log:             Log{Level: slog.LevelInfo, JSON: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	explicit := mustLoad(t, full+"arvados_config: arvados.yml\n")
	if diff := cmp.Diff(mustLoad(t, full), explicit); diff != "" {
		t.Errorf("an explicit setting lost against Arvados' file:\n%s", diff)
	}
}

func TestLoadFromDisk(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("token", "hunter2\n")
	path := write("keepstore.yml", "api: {url: \"https://zzzzz.example.org\"}\nsystem_root_token_file: token\n")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.SystemRootToken.Reveal() != "hunter2" {
		t.Error("a relative file name does not start at the folder of the configuration")
	}
	for _, name := range []string{filepath.Join(dir, "missing.yml"), dir} {
		var bad *Error
		if _, err := Load(name); !errors.As(err, &bad) || bad.Kind != BadConfig || bad.Word() != "bad-config" {
			t.Errorf("Load(%s) = %v", name, err)
		}
	}
}

// TestProvided: standalone mode provides settings, and refuses a file that has
// them too.
func TestProvided(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keepstore.yml")
	load := func(text string, provided Provided) (*Config, error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return LoadWith(path, provided)
	}
	c, err := load("listen: :0", Provided{ClusterID: "yyyyy", APIURL: "http://127.0.0.1:1", APICAFile: "/ca.pem", SigningKey: creds.NewSecret("provided")})
	if err != nil {
		t.Fatal(err)
	}
	if c.ClusterID != "yyyyy" || c.API != (API{URL: "http://127.0.0.1:1", CAFile: "/ca.pem"}) || c.Signing.Key.Reveal() != "provided" {
		t.Errorf("got %s, %+v, %s", c.ClusterID, c.API, c.Signing.Key.Reveal())
	}
	_, err = load(base, Standalone())
	if !IsFault(err) || strings.Count(err.Error(), "standalone mode brings its own") != 3 {
		t.Errorf("a file for serve: %v", err)
	}
	if _, err := load("listen: :0", Provided{}); !IsFault(err) || IsFault(os.ErrNotExist) {
		t.Errorf("IsFault is wrong about %v", err)
	}
	if _, err := load(base, Provided{}); err != nil {
		t.Errorf("the positive control: %v", err)
	}
}

// TestEnvironment: what is in the environment changes nothing.
func TestEnvironment(t *testing.T) {
	before := mustLoad(t, full)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL", "ARVADOS_API_HOST", "ARVADOS_API_TOKEN", "HOME", "HTTPS_PROXY"} {
		t.Setenv(name, "hostile")
	}
	if diff := cmp.Diff(before, mustLoad(t, full)); diff != "" {
		t.Error(diff)
	}
}

// TestNothingSecretPrinted prints the configuration in every way.
func TestNothingSecretPrinted(t *testing.T) {
	c := mustLoad(t, full+"arvados_config: arvados.yml\n")
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb, c)
		fmt.Fprintf(&out, verb, *c)
		for _, e := range c.Endpoints {
			fmt.Fprintf(&out, verb, e)
			fmt.Fprintf(&out, verb, *e)
		}
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", "config", c)
	slog.New(slog.NewTextHandler(&out, nil)).Info("config", "config", c)
	if !strings.Contains(out.String(), "[secret]") {
		t.Error("nothing was printed, so nothing was tested")
	}
	for _, piece := range []string{"hunter2", fmt.Sprintf("%x", "hunter2")} {
		if strings.Contains(out.String(), piece) {
			t.Errorf("a secret is in %q", out.String())
		}
	}
}
