// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// coreLimits are the soft and the hard limit of a process, as Linux tells them.
func coreLimits(t *testing.T, pid string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/limits")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "Max core file size"); found {
			return strings.Join(strings.Fields(rest)[:2], " ")
		}
	}
	t.Fatalf("no limit of core files among\n%s", text)
	return ""
}

// TestNoCoreFiles is S-01: a server that crashes leaves no file with secrets,
// although it was started with leave to write one.
func TestNoCoreFiles(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: before.Max, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &before) }) // it could be set a moment ago
	if before.Max != 0 && strings.HasPrefix(coreLimits(t, "self"), "0 ") {
		t.Fatal("the limit of this process could not be raised, so that the test would show nothing")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "keepstore.yml")
	if err := os.WriteFile(config, []byte("listen: 127.0.0.1:0\nendpoints: {aws: {region: us-east-1, access_key_id: k, secret_access_key: s}}\naccess: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := program(t, nil, "standalone", "--config", config, "--data", filepath.Join(dir, "data"), "--api-listen", "127.0.0.1:0")
	if got := coreLimits(t, said["pid"]); got != "0 0" {
		t.Errorf("the server may write core files: limits %s, want 0 0", got)
	}
}
