// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
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
// "dir/x", and $S3KEY and $S3SECRET are its owner's keys. s3put, s3rm and collect change it.
func TestScripts(t *testing.T) {
	server := servers.MinIO(t)
	bucket, key := server.Bucket(t, "scripts", true), "dir/x"
	if _, err := server.Client(t).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("0123456789")}); err != nil {
		t.Fatal(err)
	}
	commands := s3Commands(server.Client(t), bucket)
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Cmds: commands, Setup: func(e *testscript.Env) error {
		e.Setenv("S3", server.URL)
		e.Setenv("S3KEY", testenv.AccessKey)
		e.Setenv("S3SECRET", testenv.SecretKey)
		return nil
	}})
}
