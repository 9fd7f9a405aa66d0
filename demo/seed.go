// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// bucket is a bucket as its owner sees it: by a client of AWS that shares no
// code with keepstore's own.
type bucket struct {
	client *s3.Client
	name   string
	// readers are the access keys that the bucket policy lets read. Without
	// any there is no policy.
	readers []string
	objects []*object
}

func newBucket(url string, owner keyPair, name string, objects []*object, readers ...string) *bucket {
	return &bucket{
		client: s3.New(s3.Options{
			BaseEndpoint: aws.String(url), Region: region, UsePathStyle: true,
			Credentials: credentials.NewStaticCredentialsProvider(owner.Access, owner.Secret, ""),
		}),
		name: name, readers: readers, objects: objects,
	}
}

// seed makes the bucket and puts the objects into it.
func (b *bucket) seed(ctx context.Context) error {
	if err := b.create(ctx); err != nil {
		return fmt.Errorf("cannot make the bucket %s: %w", b.name, err)
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, o := range b.objects {
		group.Go(func() error { return b.put(inner, o) })
	}
	return group.Wait()
}

func (b *bucket) create(ctx context.Context) error {
	name := aws.String(b.name)
	if _, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: name}); err != nil {
		if _, err := b.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: name}); err != nil {
			return err
		}
	}
	if _, err := b.client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket:                  name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil || len(b.readers) == 0 {
		return err
	}
	_, err := b.client.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, Policy: aws.String(b.policy())})
	return err
}

// policy lets the readers read and no more: keepstore never writes.
func (b *bucket) policy() string {
	return readPolicy(b.name, mapping{"Principal": mapping{"AWS": b.readers}})
}

// readPolicy allows what keepstore needs to read and import a bucket, for
// whom the further terms say.
func readPolicy(bucket string, terms mapping) string {
	statement := func(resource string, actions ...string) mapping {
		s := mapping{"Effect": "Allow", "Action": actions, "Resource": "arn:aws:s3:::" + resource}
		maps.Copy(s, terms)
		return s
	}
	text, _ := json.Marshal(mapping{"Version": "2012-10-17", "Statement": []mapping{ // plain strings
		statement(bucket+"/*", "s3:GetObject", "s3:GetObjectVersion"),
		statement(bucket, "s3:ListBucket", "s3:ListBucketVersions"),
	}})
	return string(text)
}

func (b *bucket) put(ctx context.Context, o *object) error {
	reply, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(b.name), Key: aws.String(o.key), Body: bytes.NewReader(o.body),
	})
	if err != nil {
		return fmt.Errorf("cannot put %q: %w", o.key, err)
	}
	// versitygw keeps no versions of folder placeholders.
	if o.version = aws.ToString(reply.VersionId); o.version == "" && !strings.HasSuffix(o.key, "/") {
		return fmt.Errorf("the S3 server gave no version to %q", o.key)
	}
	return nil
}

func (b *bucket) delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err != nil {
		return fmt.Errorf("cannot delete %q: %w", key, err)
	}
	return nil
}

// purge removes all versions of a key, as if it had never been written.
func (b *bucket) purge(ctx context.Context, key string) error {
	list, err := b.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: aws.String(b.name), Prefix: aws.String(key)})
	if err != nil {
		return fmt.Errorf("cannot list the versions of %q: %w", key, err)
	}
	for _, v := range list.Versions {
		if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(b.name), Key: v.Key, VersionId: v.VersionId}); err != nil {
			return fmt.Errorf("cannot delete a version of %q: %w", key, err)
		}
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
