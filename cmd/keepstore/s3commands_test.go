// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/arvados-s3/keepstore/internal/cli"
	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// script is a command of the scripts.
type script = func(ts *testscript.TestScript, neg bool, args []string)

// s3Commands are commands of the scripts that change what is in the bucket:
//
//	s3version KEY TEXT VARIABLE  stores an object; the variable gets its version
//	s3rm KEY [VERSION]         deletes an object, or one version of it
//	s3expire ID PREFIX DAYS    gives the bucket one lifecycle rule, by which old
//	                           versions of what begins with PREFIX are removed
//	await FILE                 waits until the file is there
//	collect FOLDER PREFIX VAR  imports a prefix as the administrator of the
//	                           standalone server on a folder; the variable gets
//	                           the UUID of the collection, VAR_PDH its hash
func s3Commands(client *s3.Client, bucket string) map[string]script {
	return map[string]script{
		"s3version": func(ts *testscript.TestScript, _ bool, args []string) {
			out, err := client.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &bucket, Key: &args[0], Body: strings.NewReader(args[1])})
			ts.Check(err)
			ts.Setenv(args[2], aws.ToString(out.VersionId))
		},
		"s3rm": func(ts *testscript.TestScript, _ bool, args []string) {
			in := &s3.DeleteObjectInput{Bucket: &bucket, Key: &args[0]}
			if len(args) > 1 {
				in.VersionId = &args[1]
			}
			_, err := client.DeleteObject(context.Background(), in)
			ts.Check(err)
		},
		"s3expire": func(ts *testscript.TestScript, _ bool, args []string) {
			days, err := strconv.ParseInt(args[2], 10, 32)
			ts.Check(err)
			_, err = client.PutBucketLifecycleConfiguration(context.Background(), &s3.PutBucketLifecycleConfigurationInput{Bucket: &bucket,
				LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{ID: &args[0], Status: types.ExpirationStatusEnabled,
					Filter:                      &types.LifecycleRuleFilter{Prefix: &args[1]},
					NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(int32(days))}}}}})
			ts.Check(err)
		},
		"await": func(ts *testscript.TestScript, _ bool, args []string) {
			for range 1200 {
				if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
			ts.Fatalf("%s does not appear", args[0])
		},
		"collect": func(ts *testscript.TestScript, _ bool, args []string) {
			record, err := importAndSave(ts.MkAbs(args[0]), "s3://"+bucket+"/"+args[1])
			ts.Check(err)
			ts.Setenv(args[2], record.UUID)
			ts.Setenv(args[2]+"_PDH", record.PDH)
		},
	}
}

func importAndSave(folder, url string) (collection.Record, error) {
	settings, err := cli.Settings(folder, nil)
	if err != nil {
		return collection.Record{}, err
	}
	server, err := api.New(settings)
	if err != nil {
		return collection.Record{}, err
	}
	defer server.Close()
	client, err := collection.NewClient(server, collection.Options{})
	if err != nil {
		return collection.Record{}, err
	}
	defer client.Close()
	c := client.New()
	if _, err := c.ImportFromS3(context.Background(), []collection.Source{{URL: url}}, collection.ImportOptions{}); err != nil {
		return collection.Record{}, err
	}
	err = c.Save(context.Background(), collection.SaveOptions{Name: url})
	return c.Record(), err
}
