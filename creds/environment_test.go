// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nowhere refuses connections, and Go would reach it through a proxy of the
// environment, which it would not for a loopback address.
const nowhere = "http://0.0.0.0:1"

// TestHostileEnvironment is case N-04: each mode runs in a process of its own
// whose environment and home folder are full of other credentials, addresses
// and a proxy. Only mode environment may see any of it.
func TestHostileEnvironment(t *testing.T) {
	if mode := os.Getenv("CREDS_TEST_MODE"); mode != "" {
		printCredentials(t, mode, os.Getenv("CREDS_TEST_METADATA"))
		return
	}
	t.Parallel()
	good, hostile := newMetadata(t, goodRole("GOOD")), newMetadata(t, goodRole("PROXY"))
	home := hostileHome(t)
	keys := []string{"AWS_ACCESS_KEY_ID=ENVKEY", "AWS_SECRET_ACCESS_KEY=x"}
	for _, test := range []struct {
		name, mode, metadata string
		env                  []string
		want                 string
		proxied              bool
	}{
		{"static", CredentialsStatic, "", keys, "CONFIGKEY", false},
		{"instance", CredentialsInstance, good.URL, keys, "GOOD1", false},
		{"instance, metadata disabled", CredentialsInstance, good.URL, []string{"AWS_EC2_METADATA_DISABLED=true"}, "GOOD2", false},
		{"instance, down", CredentialsInstance, nowhere, keys, string(Unavailable), false},
		{"environment, keys", CredentialsEnvironment, "", keys, "ENVKEY", false},
		{"environment, file", CredentialsEnvironment, "", []string{"HOME=" + home}, "FILEKEY", false},
		{"environment, proxy", CredentialsEnvironment, "", []string{"HOME=/nonexistent"}, "PROXY1", true},
	} {
		before := len(hostile.requests())
		env := append([]string{
			"HOME=" + home, "HTTP_PROXY=" + hostile.URL, "http_proxy=" + hostile.URL,
			"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + nowhere, "AWS_ENDPOINT_URL=" + hostile.URL,
			"CREDS_TEST_MODE=" + test.mode, "CREDS_TEST_METADATA=" + test.metadata,
		}, test.env...)
		if got := inProcess(t, env); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
		if got := len(hostile.requests()) > before; got != test.proxied {
			t.Errorf("%s: through the proxy: %v, want %v", test.name, got, test.proxied)
		}
	}
}

func hostileHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	const text = "[default]\naws_access_key_id = FILEKEY\naws_secret_access_key = x\nregion = eu-evil-1\n"
	if err := os.WriteFile(filepath.Join(home, ".aws", "config"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

// inProcess runs this test in a new process with just this environment.
func inProcess(t *testing.T, env []string) string {
	t.Helper()
	run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostileEnvironment$", "-test.v")
	run.Env = env
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, after, found := strings.Cut(string(out), "KEY=")
	key, _, _ := strings.Cut(after, "\n")
	if !found {
		t.Fatalf("the process printed no key:\n%s", out)
	}
	return key
}

func printCredentials(t *testing.T, mode, metadataURL string) {
	t.Helper()
	endpoint := &Endpoint{Name: "e", Region: "us-east-1", Credentials: mode, MetadataURL: metadataURL}
	if mode == CredentialsStatic {
		endpoint.AccessKeyID, endpoint.SecretAccessKey = "CONFIGKEY", NewSecret("x")
	}
	source, err := NewIAM(t.Context(), map[string]*Endpoint{"e": endpoint})
	if err != nil {
		t.Fatal(err)
	}
	provider, err := source.Credentials(t.Context(), &Rule{Endpoint: endpoint}, Caller{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("KEY=%s\n", ask(t.Context(), provider.Provider))
}

// TestEnvironmentFaults: broken AWS files are reported when the server
// starts, and only if they were asked for.
func TestEnvironmentFaults(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(broken, []byte("[profile a]\nregion = r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", broken)
	t.Setenv("AWS_PROFILE", "does-not-exist")
	for mode, want := range map[string]bool{CredentialsEnvironment: true, CredentialsInstance: false, "": true, "other": true} {
		_, err := NewIAM(t.Context(), map[string]*Endpoint{"lab": {Name: "lab", Region: "r", Credentials: mode}})
		if (err != nil) != want {
			t.Errorf("%q: got error %v", mode, err)
		}
	}
}

func TestIAMOtherEndpoint(t *testing.T) {
	source, err := NewIAM(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = source.Credentials(t.Context(), &Rule{Bucket: "data", Endpoint: &Endpoint{}}, Caller{})
	if e, ok := err.(*Error); !ok || e.Kind != Missing {
		t.Errorf("got %v", err)
	}
	if _, err := NewIAM(t.Context(), map[string]*Endpoint{"e": {Credentials: CredentialsStatic, AccessKeyID: "A"}}); err == nil {
		t.Error("half a key pair was accepted")
	}
}

func TestAnonymous(t *testing.T) {
	provider, err := AnonymousSource{}.Credentials(t.Context(), &Rule{Mode: Anonymous}, Caller{})
	if provider.Provider != nil || err != nil {
		t.Errorf("got %v, %v", provider, err)
	}
}
