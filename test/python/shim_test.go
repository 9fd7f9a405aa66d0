// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io/fs"
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

// shim is sdk/python-shim, installed into a folder of its own beside one
// version of the stock client.
type shim struct {
	python string // program of the environment with the stock client
	site   string // folder that the package is installed into
	source string // sdk/python-shim
}

// installShim installs the package as a user would.
func installShim(t *testing.T, program string) *shim {
	t.Helper()
	python, err := os.Readlink(testenv.Bin(t, program))
	if err != nil {
		t.Fatal(err)
	}
	source, err := filepath.Abs("../../sdk/python-shim")
	if err != nil {
		t.Fatal(err)
	}
	s := &shim{python: python, site: t.TempDir(), source: source}
	dependOn(t, source)
	dependOn(t, "scripts")
	cmd := exec.Command(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"--no-deps", "--no-index", "--no-build-isolation", "--target", s.site, source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// dependOn opens all files of a folder: go takes the result of an earlier run
// as long as no file changed that a test opened, and does not see what Python
// opens.
func dependOn(t *testing.T, folder string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return f.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// environment is that of a user of the package, with a home of its own.
func (s *shim) environment(t *testing.T) []string {
	home := t.TempDir()
	return []string{
		"PYTHONPATH=" + s.site, "HOME=" + home, "TMPDIR=" + home, "LANG=C.UTF-8",
		"PATH=" + filepath.Dir(s.python) + ":" + filepath.Join(s.site, "bin") + ":/usr/bin:/bin",
	}
}

// TestShim runs the tests of sdk/python-shim with the newest and the oldest
// client that it supports; each of its tests is a subtest here. What needs
// arvados-cwl-runner, or takes a minute, runs with the newest only.
func TestShim(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, program string
		ignored       []string
	}{
		{"newest", "shim-python", nil},
		{"oldest", "shim-python-old", []string{"test_cwl.py", "test_cwl_hostile.py", "test_cwl_types.py", "test_withdrawal.py"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // one waits a minute, for a promise that is one
			s := startForShim(t, "shim-"+c.name)
			installShim(t, c.program).pytest(t, s, c.ignored...)
			s.keepsSecrets(t)
		})
	}
}

// testCase is one test in the report of pytest.
type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Failed  []string `xml:"failure"`
	Errors  []string `xml:"error"`
	Skipped []string `xml:"skipped"`
}

// pytest runs all tests of the package, but for some files, and reports each
// test as a subtest.
func (s *shim) pytest(t *testing.T, k *standalone, ignored ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	report := filepath.Join(t.TempDir(), "report.xml")
	// -P: what is tested is what is installed, not what lies in the working folder.
	args := []string{"-B", "-P", "-m", "pytest", "-q", "-c", filepath.Join(s.source, "pyproject.toml"),
		"--rootdir", s.source, "--junitxml", report, filepath.Join(s.source, "tests")}
	for _, name := range ignored {
		args = append(args, "--ignore", filepath.Join(s.source, "tests", name))
	}
	cmd := exec.CommandContext(ctx, s.python, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = slices.Concat(k.environment(t, "verified"), s.environment(t), []string{"TEST_INSTALLED_IN=" + s.site})
	out, runErr := cmd.CombinedOutput()
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v\n%s", runErr, out)
	}
	var parsed struct {
		Cases []testCase `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	for _, c := range parsed.Cases {
		t.Run(c.Class+"/"+c.Name, c.report)
	}
	if len(parsed.Cases) == 0 || runErr != nil && !t.Failed() {
		t.Errorf("%d tests, %v\n%s", len(parsed.Cases), runErr, out)
	}
	if t.Failed() {
		t.Logf("keepstore:\n%s", k.tail())
	}
}

func (c testCase) report(t *testing.T) {
	for _, text := range slices.Concat(c.Failed, c.Errors) {
		t.Error(text)
	}
	if c.Skipped != nil {
		t.Error("the test was skipped: a test must run or go")
	}
}

// TestStockScriptsWithShim runs what is checked with the stock client once
// more in programs that are taught about references: nothing may be lost. The
// one test that says what the stock client cannot do must fail.
func TestStockScriptsWithShim(t *testing.T) {
	t.Parallel()
	installed, s := installShim(t, "shim-python"), start(t, "python-shim", "always", app.StandaloneOptions{})
	for name, failing := range map[string][]string{
		"collections": nil, "blocks": nil, "write": nil,
		"content": {"test_other_forms_fail_and_give_nothing_wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), installed.python, "-B", "-m", "arvados_pseudoblock", "run", "scripts/run.py", "check_"+name)
			cmd.Env = slices.Concat(s.environment(t, "verified"), installed.environment(t))
			s.check(t, name, cmd, failing...)
		})
	}
}

// TestShimRunsPrograms runs Arvados' own programs through the shim, on a
// collection of references that the stock programs cannot read.
func TestShimRunsPrograms(t *testing.T) {
	t.Parallel()
	installed, s := installShim(t, "shim-python"), start(t, "python-run", "always", app.StandaloneOptions{})
	run := func(args ...string) (string, error) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Env = slices.Concat(s.environment(t, "verified"), installed.environment(t))
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, &errs)
		}
		return out.String(), err
	}
	uuid, err := run(filepath.Join(installed.site, "bin", "arv-import-s3"), "--form", "derived", "s3://"+s.bucket+"/data/")
	if err != nil {
		t.Fatal(err)
	}
	uuid = strings.TrimSpace(uuid)
	programs := filepath.Dir(installed.python)
	if out, err := run(filepath.Join(programs, "arv-get"), "--retries", "0", uuid+"/one"); err == nil {
		t.Errorf("the stock arv-get reads derived form: %q", out)
	}
	through := []string{installed.python, "-m", "arvados_pseudoblock", "run"}
	if out, err := run(append(through, "arv-get", uuid+"/one")...); err != nil || len(out) != 1 {
		t.Errorf("arv-get through the shim: %q, %v", out, err)
	}
	folder := t.TempDir()
	if _, err := run(append(through, "arv-get", "--no-progress", uuid+"/", folder+"/")...); err != nil {
		t.Errorf("arv-get of the whole collection: %v", err)
	}
	if got, err := os.Stat(filepath.Join(folder, "two blocks.bin")); err != nil || got.Size() != 64<<20+12345 {
		t.Errorf("arv-get wrote %v, %v", got, err)
	}
	if out, err := run(append(through, "arv-ls", uuid)...); err != nil || !strings.Contains(out, "./sub/x") {
		t.Errorf("arv-ls: %q, %v", out, err)
	}
	if _, err := run(append(through, "no-such-program")...); err == nil {
		t.Error("a program that does not exist ran")
	}
}
