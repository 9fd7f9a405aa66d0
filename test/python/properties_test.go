// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"bytes"
	"errors"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/cli"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestPropertiesAsInGo: collections that are made in Python say where they come
// from as those made in Go do, so that Go's whereused, diff and refresh find
// and renew them. Stock classes that were taught about references say the same.
func TestPropertiesAsInGo(t *testing.T) {
	minio := servers.MinIO(t)
	s := &standalone{log: &testenv.Output{}, bucket: minio.Bucket(t, "properties", true)}
	s.putMany(t, minio)
	s.configure(t, minio, "auto", "", app.StandaloneOptions{})
	installed, environment := installShim(t, "shim-python"), s.environment(t, "insecure")
	want := withoutHashes(s.look(t, environment, s.twoByGo(t, environment)))
	var uuid string
	for _, classes := range []string{"stock", "ours"} {
		cmd := exec.CommandContext(t.Context(), installed.python, "scripts/save_properties.py", classes, s.bucket)
		cmd.Env = slices.Concat(environment, installed.environment(t))
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, &errs)
		}
		uuids := strings.Fields(string(out))
		uuid = uuids[0]
		got := withoutHashes(s.lookAt(t, environment, uuids))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Python with %s classes stored\n%v\nand Go\n%v", classes, got, want)
		}
		if classes == "stock" {
			s.look(t, environment, uuids)
		}
	}
	t.Run("commands", func(t *testing.T) { s.renewedByGo(t, minio, environment, uuid) })
}

// withoutHashes leaves out what differs: after edits, each prints the text in
// a way of its own.
func withoutHashes(all []stored) []stored {
	for i := range all {
		all[i].hash = ""
	}
	return all
}

// twoByGo does with sdk/go/collection what save_properties.py does.
func (s *standalone) twoByGo(t *testing.T, environment []string) []string {
	t.Helper()
	server := client(t, environment)
	c, other := server.New(), server.New()
	in := func(sources ...collection.Source) {
		t.Helper()
		if _, err := c.ImportFromS3(t.Context(), sources, collection.ImportOptions{Clash: collection.ClashReplace}); err != nil {
			t.Fatal(err)
		}
	}
	save := func(c *collection.Collection, o collection.SaveOptions) string {
		t.Helper()
		if err := c.Save(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		return c.Record().UUID
	}
	many := "s3://" + s.bucket + "/many/"
	in(collection.Source{URL: many + "z/", Path: "z", Include: []string{"plain-*"}, ExcludeRegexp: []string{"7$"}})
	in(collection.Source{Bucket: s.bucket, Key: "many/a/\u00e9", Path: "notes/"})
	save(c, collection.SaveOptions{Name: "saved", Properties: map[string]any{"mine": 1}})
	in(collection.Source{URL: many + "deep/", Path: "notes/"}, collection.Source{URL: many + "a/%C3%A9", Path: "notes/"})
	if err := c.Remove("z/plain-000"); err != nil {
		t.Fatal(err)
	}
	first := save(c, collection.SaveOptions{})
	if err := other.Copy("here", c, "z/plain-001"); err != nil {
		t.Fatal(err)
	}
	return []string{first, save(other, collection.SaveOptions{Name: "copied"})}
}

// renewedByGo runs the commands on a collection made in Python, before and
// after something changed in S3.
func (s *standalone) renewedByGo(t *testing.T, minio *testenv.Server, environment []string, uuid string) {
	for _, one := range environment {
		name, value, _ := strings.Cut(one, "=")
		t.Setenv(name, value)
	}
	if got := s.command(t, "whereused", "--json", "s3://"+s.bucket+"/many/deep/1/"); !strings.Contains(got, uuid) {
		t.Errorf("whereused does not find %s: %s", uuid, got)
	}
	if got := s.command(t, "whereused", "--json", "s3://"+s.bucket+"/many/a-b/"); strings.Contains(got, uuid) {
		t.Errorf("whereused finds %s where it has nothing: %s", uuid, got)
	}
	for _, key := range []string{"many/deep/1/new", "many/z/plain-001", "many/z/plain-007"} { // the last is excluded
		if _, err := minio.Client(t).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader("changed")}); err != nil {
			t.Fatal(err)
		}
	}
	d := s.command(t, "diff", uuid)
	s.command(t, "refresh", "--append", uuid)
	for _, path := range []string{"notes/1/new", "z/plain-001", "z/plain-000"} {
		if !strings.Contains(d, path) {
			t.Errorf("diff does not tell of %s:\n%s", path, d)
		}
	}
	if strings.Contains(d, "plain-007") {
		t.Errorf("diff tells of what is filtered out:\n%s", d)
	}
	if left := s.command(t, "diff", uuid); strings.TrimSpace(left) != "" {
		t.Errorf("after the refresh, diff tells:\n%s", left)
	}
}

// command runs one of keepstore's commands and returns what it prints.
func (s *standalone) command(t *testing.T, name string, args ...string) string {
	t.Helper()
	for _, command := range cli.Commands() {
		if command.Name() != name {
			continue
		}
		var out, errs bytes.Buffer
		command.SetOut(&out)
		command.SetErr(&errs)
		command.SetArgs(args)
		command.SilenceUsage, command.SilenceErrors = true, true
		err := command.ExecuteContext(t.Context())
		if exit := (*cli.Exit)(nil); err != nil && (!errors.As(err, &exit) || exit.Code != cli.Partial) {
			t.Fatalf("%s %v: %v\n%s", name, args, err, &errs)
		}
		return out.String()
	}
	t.Fatalf("there is no command %s", name)
	return ""
}
