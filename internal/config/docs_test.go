// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// keysOf lists the keys of a struct of file.go, with their defaults.
func keysOf(typ reflect.Type, prefix string, into map[string]string) {
	for i := range typ.NumField() {
		field := typ.Field(i)
		name := field.Tag.Get("yaml")
		if name == "" {
			continue
		}
		path, elem := prefix+name, field.Type
		switch elem.Kind() {
		case reflect.Map:
			path, elem = path+".NAME", elem.Elem()
		case reflect.Slice:
			path, elem = path+"[]", elem.Elem()
		}
		if elem == reflect.TypeFor[value]() {
			into[path] = field.Tag.Get("default")
			continue
		}
		keysOf(elem, path+".", into)
	}
}

// TestManualKeys: the tables of the manual have the keys of the file, each
// once, with the same defaults.
func TestManualKeys(t *testing.T) {
	want := map[string]string{}
	keysOf(reflect.TypeFor[file](), "", want)
	got := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]*) \\| ([^|]+) \\|$")
	for _, cells := range row.FindAllStringSubmatch(manual(t), -1) {
		key, standard := cells[1], strings.Trim(strings.TrimSpace(cells[3]), "`")
		if _, twice := got[key]; twice {
			t.Errorf("%s is described twice", key)
		}
		if want[key] == "" {
			standard = "" // a default that is worked out, or none: words
		}
		got[key] = standard
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/config.md and file.go differ (- is missing in the manual):\n%s", diff)
	}
}

// TestManualExamples: every complete example loads, and together they use
// every key that works in this version.
func TestManualExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(manual(t), -1)
	if len(blocks) < 2 {
		t.Fatal("the manual has no examples")
	}
	disk := files(t)
	read := func(name string) ([]byte, error) {
		switch {
		case strings.HasSuffix(name, "/arvados/config.yml"):
			return disk.read("/etc/arvados.yml")
		case strings.HasSuffix(name, ".pem"):
			return disk.read("/etc/" + name[strings.LastIndex(name, "/")+1:])
		}
		return disk.read("/etc/secret")
	}
	for _, block := range blocks {
		if _, err := load("example", "/etc/keepstore", []byte(block[1]), read); err != nil {
			t.Errorf("this example has faults:\n%s\n%v", block[1], err)
		}
	}
	all := map[string]string{}
	keysOf(reflect.TypeFor[file](), "", all)
	for path := range all {
		top, _, _ := strings.Cut(strings.TrimSuffix(path, "[]"), ".")
		name := strings.TrimSuffix(path[strings.LastIndex(path, ".")+1:], "[]")
		later := []string{"issuer", "roles"}
		if slices.Contains(later, top) || name == "sts_url" || name == "role" {
			continue
		}
		if !slices.ContainsFunc(blocks, func(b []string) bool { return strings.Contains(b[1], name+":") }) {
			t.Errorf("no example shows %s", path)
		}
	}
}

// TestDesignSample: the settings of later versions are known, and refused.
func TestDesignSample(t *testing.T) {
	text, err := os.ReadFile("testdata/later.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = loadText(t, string(text))
	want := []string{
		"keepstore.yml:10: issuer: this is not available in this version: remove it",
		"keepstore.yml:11: roles: this is not available in this version: remove it",
		"keepstore.yml:19: access[2].mode: mode token is not available in this version: expected iam or anonymous",
		"keepstore.yml:20: access[3].mode: mode role is not available in this version: expected iam or anonymous",
	}
	if err == nil {
		t.Fatal("settings that do nothing were accepted")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}
