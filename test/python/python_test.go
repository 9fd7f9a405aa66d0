// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// scripts lists what is run before a keepstore in its usual setting.
func scripts() []string {
	return []string{"accounts", "collections", "sharing", "content", "blocks", "write", "put", "credentials"}
}

// strict lists what is run before a keepstore that serves references only to
// clients that say they know them.
func strict() []string { return []string{"refused"} }

// hasty lists what is run before a keepstore whose signatures soon expire.
func hasty() []string { return []string{"expiry"} }

// releasing lists what is run before a keepstore whose API server releases
// secrets.
func releasing() []string { return []string{"secrets"} }

// TestEveryScriptIsListed: a script that nobody runs proves nothing.
func TestEveryScriptIsListed(t *testing.T) {
	found, err := filepath.Glob("scripts/check_*.py")
	if err != nil {
		t.Fatal(err)
	}
	listed := slices.Concat(strict(), hasty(), releasing(), scripts())
	for i, path := range found {
		found[i] = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "check_"), ".py")
	}
	slices.Sort(listed)
	if !slices.Equal(found, listed) {
		t.Errorf("there are scripts %v, and listed are %v", found, listed)
	}
}

func TestStockClient(t *testing.T) {
	t.Parallel()
	s := start(t, "python-usual", "auto", app.StandaloneOptions{})
	for _, name := range scripts() {
		t.Run(name, func(t *testing.T) { s.run(t, name, "verified") })
	}
	// Without the certificate, and told not to look at it.
	t.Run("accounts-insecure", func(t *testing.T) { s.run(t, "accounts", "insecure") })
}

func TestStockClientRefused(t *testing.T) {
	t.Parallel()
	s := start(t, "python-strict", "always", app.StandaloneOptions{})
	for _, name := range strict() {
		t.Run(name, func(t *testing.T) { s.run(t, name, "verified") })
	}
}

func TestStockClientExpiry(t *testing.T) {
	s := start(t, "python-hasty", "auto", app.StandaloneOptions{SigningTTL: 8 * time.Second})
	for _, name := range hasty() {
		t.Run(name, func(t *testing.T) { s.run(t, name, "verified") })
	}
}

func TestStockClientReleasing(t *testing.T) {
	t.Parallel()
	s := start(t, "python-releasing", "auto", app.StandaloneOptions{ReleaseSecrets: true})
	for _, name := range releasing() {
		t.Run(name, func(t *testing.T) { s.run(t, name, "verified") })
	}
}

// result is what run.py prints about one script.
type result struct {
	Client   string   `json:"client"`
	Run      int      `json:"run"`
	Skipped  int      `json:"skipped"`
	Failures []string `json:"failures"`
}

// run runs one script in a process with a home and caches of its own.
func (s *standalone) run(t *testing.T, name, trust string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	home := t.TempDir()
	programs := programs(t)
	dependOn(t, "scripts")
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "python"), "-B", "scripts/run.py", "check_"+name)
	cmd.Env = append(s.environment(t, trust), "HOME="+home, "TMPDIR="+home, "LANG=C.UTF-8", "PATH="+programs+":/usr/bin:/bin")
	s.check(t, name, cmd)
}

// check runs a script by a command and reports what it prints. The tests
// named in failing must fail.
func (s *standalone) check(t *testing.T, name string, cmd *exec.Cmd, failing ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var got result
	if decodeErr := json.Unmarshal(out.Bytes(), &got); err != nil || decodeErr != nil {
		t.Fatalf("%s: %v, %v\n%s\n%s\nkeepstore:\n%s", name, err, decodeErr, &out, &errs, s.tail())
	}
	for _, text := range got.Failures {
		test, _, _ := strings.Cut(text, " ")
		if i := slices.Index(failing, test); i >= 0 {
			failing = slices.Delete(failing, i, i+1)
			continue
		}
		t.Errorf("%s", text)
	}
	if len(failing) > 0 {
		t.Errorf("%v should fail, and do not", failing)
	}
	if got.Run == 0 || got.Skipped != 0 {
		t.Errorf("%d tests ran and %d skipped", got.Run, got.Skipped)
	}
	if t.Failed() {
		t.Logf("the script's errors:\n%s\nkeepstore:\n%s", &errs, s.tail())
	}
	t.Logf("%d tests with arvados-python-client %s", got.Run, got.Client)
}

// programs is the folder that the client's programs are in, and its Python.
func programs(t *testing.T) string {
	t.Helper()
	program, err := os.Readlink(testenv.Bin(t, "arv-get"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(program)
}

// environment is what a user would set, and where the scripts find the data.
func (s *standalone) environment(t *testing.T, trust string) []string {
	t.Helper()
	token, err := os.ReadFile(s.tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{
		"ARVADOS_API_HOST=" + strings.TrimPrefix(s.apiURL, "https://"),
		"ARVADOS_API_TOKEN=" + strings.TrimSpace(string(token)),
		"TEST_KEEP_URL=" + s.keepURL,
		"TEST_OBJECTS=" + s.objects,
		"TEST_BUCKET=" + s.bucket,
	}
	env = append(env, s.extra...)
	if trust == "insecure" {
		return append(env, "ARVADOS_API_HOST_INSECURE=1")
	}
	return append(env, "SSL_CERT_FILE="+s.certificate)
}
