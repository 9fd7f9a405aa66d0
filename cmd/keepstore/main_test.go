// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/arvados-s3/keepstore/internal/testenv"
)

// servers are for the scripts that read from S3.
var servers testenv.Pool

// tests run all tests and then stop the servers.
type tests struct{ *testing.M }

func (m tests) Run() int {
	defer servers.Stop()
	return m.M.Run()
}

// TestMain lets the scripts call this test binary as keepstore.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"keepstore": main})
}

// TestScripts runs testdata/script/*.txtar: the program as its users run it.
// $S3 is the URL of a server with a versioned bucket "scripts" that holds
// "dir/x", and $S3KEY and $S3SECRET are its owner's keys. The command s3put
// stores objects there; more commands are those of s3Commands.
func TestScripts(t *testing.T) {
	server := servers.MinIO(t)
	bucket := server.Bucket(t, "scripts", true)
	put := func(key, text string) error {
		_, err := server.Client(t).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(text)})
		return err
	}
	if err := put("dir/x", "0123456789"); err != nil {
		t.Fatal(err)
	}
	commands := s3Commands(server.Client(t), bucket)
	commands["s3put"] = func(ts *testscript.TestScript, _ bool, args []string) {
		if len(args) < 2 || len(args) > 3 {
			ts.Fatalf("usage: s3put KEY TEXT [TIMES]; \\ooo in KEY is a byte")
		}
		times := 1
		if len(args) == 3 {
			var err error
			times, err = strconv.Atoi(args[2])
			ts.Check(err)
		}
		key, err := strconv.Unquote(`"` + args[0] + `"`)
		ts.Check(err)
		ts.Check(put(key, strings.Repeat(args[1], times)))
	}
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Cmds: commands, Setup: func(e *testscript.Env) error {
		e.Setenv("S3", server.URL)
		e.Setenv("S3KEY", testenv.AccessKey)
		e.Setenv("S3SECRET", testenv.SecretKey)
		return nil
	}})
}
