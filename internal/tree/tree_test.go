// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
)

const root = "../.."

// TestHouseRules runs every rule on this repository.
func TestHouseRules(t *testing.T) {
	repository, err := Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(repository.Packages) < 4 || repository.Modules["."] != Module {
		t.Fatalf("this does not look like the repository: %d packages, module %q", len(repository.Packages), repository.Modules["."])
	}
	for _, rule := range Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			for _, fault := range rule.Check(repository) {
				t.Error(fault)
			}
		})
	}
}

// TestNothingForbiddenIsLinked asks the go tool what the packages with a
// NeverLink column really link.
func TestNothingForbiddenIsLinked(t *testing.T) {
	repository, err := Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range Table() {
		if len(row.NeverLink) == 0 || !repository.hasPackage(row.Package) {
			continue
		}
		t.Run(row.Package, func(t *testing.T) {
			for _, fault := range LinkFaults(row.Package, deps(t, row.Package)) {
				t.Error(fault)
			}
		})
	}
}

func deps(t *testing.T, pkg string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "./"+pkg)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -deps ./%s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}

func TestLinkRuleCanFail(t *testing.T) {
	for _, c := range []struct {
		pkg, dep string
		faults   int
	}{
		{"cmd/keepstore", "testing", 1},
		{"cmd/keepstore", "github.com/google/go-cmp/cmp", 1},
		{"cmd/keepstore", awsS3, 1},
		{"cmd/keepstore", "github.com/rogpeppe/go-internal/testscript", 1},
		{"cmd/keepstore", gateway + "/embedgw", 1},
		{"cmd/keepstore", "github.com/aws/aws-sdk-go-v2/service/s3control", 0},
		{"cmd/keepstore", "github.com/spf13/cobra", 0},
		{"sdk/go/collection", "github.com/aws/smithy-go", 1},
		{"sdk/go/collection", "net/http", 0},
		{"locator", "net/http", 1},
		{"pseudoblock", "net/http", 1},
	} {
		if got := LinkFaults(c.pkg, []string{"fmt", c.dep}); len(got) != c.faults {
			t.Errorf("%s with %s: got %q, want %d faults", c.pkg, c.dep, got, c.faults)
		}
	}
}

// TestEachRuleCanFail runs each rule on small trees. A tree's faults are
// counted, so what is right in it is the positive control.
func TestEachRuleCanFail(t *testing.T) {
	proven := map[string]bool{}
	for _, c := range badTrees() {
		proven[c.rule] = true
		t.Run(c.rule, func(t *testing.T) { checkBadTree(t, c) })
	}
	for _, rule := range Rules() {
		if !proven[rule.Name] {
			t.Errorf("rule %s: add a bad tree to badTrees that proves that it can fail", rule.Name)
		}
	}
}

func checkBadTree(t *testing.T, c badTree) {
	files := fstest.MapFS{}
	for name, text := range c.files {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	if _, ok := files["go.mod"]; !ok {
		files["go.mod"] = &fstest.MapFile{Data: []byte("module " + Module + "\n")}
	}
	small, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	faults := ruleNamed(t, c.rule).Check(small)
	if len(faults) != len(c.want) {
		t.Fatalf("got %d faults, want %d:\n%s", len(faults), len(c.want), strings.Join(faults, "\n"))
	}
	for i, want := range c.want {
		if !strings.Contains(faults[i], want) {
			t.Errorf("fault %d: got %q, want it to contain %q", i, faults[i], want)
		}
	}
}

func ruleNamed(t *testing.T, name string) Rule {
	t.Helper()
	for _, rule := range Rules() {
		if rule.Name == name {
			return rule
		}
	}
	t.Fatalf("there is no rule %q", name)
	return Rule{}
}

func TestForeignFoldersAreLeftOut(t *testing.T) {
	small, err := Load(fstest.MapFS{
		".git/x.go": {Data: []byte("not go")}, ".cache/y.go": {}, "bin/z": {}, "a/node_modules/b.js": {},
		"a/testdata/broken.go": {Data: []byte("not go")}, ".ci/run": {}, "a/.hidden/c.go": {}, "a/bin/d.txt": {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(small.sorted(), " "), ".ci/run a/bin/d.txt a/testdata/broken.go"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
