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
// every key.
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
		name := strings.TrimSuffix(path[strings.LastIndex(path, ".")+1:], "[]")
		if !slices.ContainsFunc(blocks, func(b []string) bool { return strings.Contains(b[1], name+":") }) {
			t.Errorf("no example shows %s", path)
		}
	}
}

// TestDesignSample: the sample that all this began with has three faults. Its
// one rule of mode role names a role of the own account, its issuer has no key
// file, and AWS and the lab get tokens that are good at both.
func TestDesignSample(t *testing.T) {
	text, err := os.ReadFile("testdata/sample.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = loadText(t, string(text))
	want := []string{
		"keepstore.yml:10: issuer.key_file: the key file of the issuer is missing: name a file; it is made when it does not exist",
		"keepstore.yml:15: endpoints.lab.audience: the web tokens for the STS of the endpoints aws and lab have the same audience, so whoever runs one of the two could be any user " +
			"at the other with the tokens that it gets: give lab an audience of its own, such as audience: keepstore-lab, and register it at its STS as the client id",
		"keepstore.yml:20: access[3].role: this role is in roles.own_account, whose roles are never assumed in the name of users: use a role of another account, or mode iam",
	}
	if err == nil {
		t.Fatal("a role of the own account was accepted")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
	cured := strings.NewReplacer(`key_file: "", audience`, "key_file: issuer.pem, audience", "111122223333:role/readers", "444455556666:role/arvados-readers",
		`sts_url: "", ca_file`, "audience: keepstore-lab, ca_file")
	mustLoad(t, cured.Replace(string(text)))
}
