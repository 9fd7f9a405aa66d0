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
	for name, test := range merged(t, faultCases, roleFaults, audienceFaults) {
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
		{"access[0].url", 6, `expected s3://bucket/ or s3://bucket/prefix/, with the "/" at the end`},
		{"access[1]", 7, "expected keys with values, found one value"},
		{"limits.memory", 8, "expected a number of bytes above zero, such as 65536, 32KiB or 1GiB (units B, KiB, MiB, GiB, TiB)"},
		{"limits.total", 8, "expected a time above zero with its unit, such as 5s, 2m30s or 336h"},
		{"volumes[0]", 9, "volumes need the cluster id, which begins their UUIDs: give cluster_id"},
		{"volumes[0]", 9, "volumes need the key of permission signatures: give blob_signing"},
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

// merged joins tables of cases, which must not hide each other's.
func merged(t *testing.T, tables ...map[string]faultCase) map[string]faultCase {
	t.Helper()
	all := map[string]faultCase{}
	for _, table := range tables {
		for name, test := range table {
			if _, twice := all[name]; twice {
				t.Errorf("there are two cases %q", name)
			}
			all[name] = test
		}
	}
	return all
}
