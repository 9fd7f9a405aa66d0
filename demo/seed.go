// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// bucket is the sample bucket as its owner sees it: by a client of AWS that
// shares no code with keepstore's own.
type bucket struct {
	client  *s3.Client
	reader  string
	objects []*object
}

func newBucket(g *gateway) *bucket {
	return &bucket{
		client: s3.New(s3.Options{
			BaseEndpoint: aws.String(g.url), Region: region, UsePathStyle: true,
			Credentials: credentials.NewStaticCredentialsProvider(g.Owner.Access, g.Owner.Secret, ""),
		}),
		reader:  g.Reader.Access,
		objects: samples(),
	}
}

// seed makes the bucket and puts the samples into it.
func (b *bucket) seed(ctx context.Context) error {
	if err := b.create(ctx); err != nil {
		return fmt.Errorf("cannot make the bucket: %w", err)
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, o := range b.objects {
		group.Go(func() error { return b.put(inner, o) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return b.delete(ctx, retiredKey)
}

func (b *bucket) create(ctx context.Context) error {
	name := aws.String(bucketName)
	if _, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: name}); err != nil {
		if _, err := b.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: name}); err != nil {
			return err
		}
	}
	if _, err := b.client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket:                  name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		return err
	}
	_, err := b.client.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, Policy: aws.String(b.policy())})
	return err
}

// policy gives keepstore what it needs and no more: it never writes.
func (b *bucket) policy() string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":[%[1]q]},"Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::%[2]s/*"},
		{"Effect":"Allow","Principal":{"AWS":[%[1]q]},"Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":"arn:aws:s3:::%[2]s"}]}`,
		b.reader, bucketName)
}

func (b *bucket) put(ctx context.Context, o *object) error {
	reply, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(bucketName), Key: aws.String(o.key), Body: bytes.NewReader(o.body),
	})
	if err != nil {
		return fmt.Errorf("cannot put %q: %w", o.key, err)
	}
	// versitygw keeps no versions of folder placeholders.
	if o.version = aws.ToString(reply.VersionId); o.version == "" && !strings.HasSuffix(o.key, "/") {
		return fmt.Errorf("the S3 gateway gave no version to %q", o.key)
	}
	return nil
}

func (b *bucket) delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucketName), Key: aws.String(key)})
	if err != nil {
		return fmt.Errorf("cannot delete %q: %w", key, err)
	}
	return nil
}

func (b *bucket) bytes() (n int64) {
	for _, o := range b.objects {
		n += int64(len(o.body))
	}
	return n
}

// files returns the objects that an import must bring, by key.
func (b *bucket) files() map[string]*object {
	files := map[string]*object{}
	for _, o := range b.objects {
		if o.key != retiredKey && o.key != folderKey {
			files[o.key] = o
		}
	}
	return files
}
