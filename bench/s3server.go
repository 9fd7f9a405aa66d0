// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// Keys of the servers that check them.
const (
	accessKey = "keepstorebench"
	secretKey = "keepstore-bench-secret"
)

// findMinIO returns the path of MinIO, which "make tools" builds, or "".
func findMinIO() string {
	dir := os.Getenv("KEEPSTORE_TEST_BIN")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(cache, "keepstore-test", "bin")
	}
	path := filepath.Join(dir, "minio")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// startMinIO starts MinIO on a folder of its own.
func startMinIO(ctx context.Context, dir, binary string) (*process, string, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	p, err := start(dir, command{
		name: "minio", args: []string{binary, "server", "--quiet", "--address", address, filepath.Join(dir, "minio")},
		env: []string{"MINIO_ROOT_USER=" + accessKey, "MINIO_ROOT_PASSWORD=" + secretKey,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1"},
	})
	if err != nil {
		return nil, "", err
	}
	p.drain()
	return p, address, p.await(ctx, address)
}

// fillBucket makes a versioned bucket with n small objects in folders.
func fillBucket(ctx context.Context, address, bucket string, n int) error {
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String("http://" + address), Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		return err
	}
	_, err := client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error {
			key := fmt.Sprintf("folder-%03d/file-%06d", i/100, i)
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte(key))})
			return err
		})
	}
	return group.Wait()
}
