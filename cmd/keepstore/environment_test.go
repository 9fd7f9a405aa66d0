// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
)

// program runs this test binary as keepstore with more environment variables
// and returns what it prints at its start, by name, and its process id as "pid".
func program(t *testing.T, environment []string, args ...string) map[string]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"keepstore"}, args...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // Wait tells when it has gone already
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	said := map[string]string{"pid": strconv.Itoa(cmd.Process.Pid)}
	for lines := bufio.NewScanner(out); said["Keep service"] == "" && lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		said[name] = value
	}
	if said["Keep service"] == "" {
		t.Fatalf("the program said only %v", said)
	}
	return said
}

// TestN04EnvironmentIsIgnored: proxies, endpoints, keys and files that the
// environment names are not for this program. The S3 host has no address, so
// whoever followed the environment would ask the canary and nobody else.
func TestN04EnvironmentIsIgnored(t *testing.T) {
	canary, dir := faultproxy.NewRaw(t, faultproxy.Text("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")), t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shared := write("aws", "[default]\nendpoint_url = "+canary.URL()+"\ncredential_process = touch "+filepath.Join(dir, "ran")+"\nregion = mars-1\n")
	environment := []string{"AWS_CONFIG_FILE=" + shared, "AWS_SHARED_CREDENTIALS_FILE=" + shared, "AWS_PROFILE=default", "AWS_SDK_LOAD_CONFIG=1",
		"AWS_CA_BUNDLE=" + filepath.Join(dir, "missing"), "AWS_USE_FIPS_ENDPOINT=true", "AWS_REGION=mars-1", "NO_PROXY=", "no_proxy="}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "AWS_ENDPOINT_URL",
		"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		environment = append(environment, name+"="+canary.URL())
	}
	config := write("keepstore.yml", "listen: 127.0.0.1:0\nendpoints:\n"+
		"  lab: {url: \"http://s3.invalid:9000\", region: us-east-1, path_style: true, access_key_id: id, secret_access_key: secret}\n"+
		"access:\n  - {url: \"s3://bucket/\", endpoint: lab, mode: iam, import: {users: [\"*\"]}}\n")
	said := program(t, environment, "standalone", "--config", config, "--data", filepath.Join(dir, "data"), "--api-listen", "127.0.0.1:0")
	token, err := os.ReadFile(said["Token file"])
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, said["Keep service"]+"/s3/import", strings.NewReader(`{"sources":[{"url":"s3://bucket/key"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // only the status counts
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("X-Keep-Error") != "s3-unreachable" {
		t.Errorf("got %d %s, want 503 s3-unreachable", resp.StatusCode, resp.Header.Get("X-Keep-Error"))
	}
	if n := canary.Requests(); n != 0 {
		t.Errorf("%d requests went where the environment said", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("a command of the environment was run")
	}
	checkPrivate(t, filepath.Join(dir, "data"))
	controlCanary(t, canary)
}

// checkPrivate checks that nobody else can read what holds tokens and keys.
func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	for _, path := range append(files, dir) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", filepath.Base(path), info.Mode())
		}
	}
}

// controlCanary shows that who follows the environment is noticed.
func controlCanary(t *testing.T, canary *faultproxy.Raw) {
	t.Helper()
	proxy, err := url.Parse(canary.URL())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy)}
	defer transport.CloseIdleConnections()
	if resp, err := (&http.Client{Transport: transport}).Get("http://s3.invalid:9000/"); err == nil {
		_ = resp.Body.Close() // only the contact counts
	}
	if canary.Requests() == 0 {
		t.Error("the canary notices nobody")
	}
}
