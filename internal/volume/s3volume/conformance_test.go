// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3volume_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/internal/volume/s3volume"
	"github.com/arvados-s3/keepstore/internal/volume/volumetest"
	"github.com/arvados-s3/keepstore/locator"
)

func TestConformanceMinIO(t *testing.T) {
	conformance(t, servers.MinIO(t), "minio-plain", false)
}

func TestConformanceMinIOVersioned(t *testing.T) {
	conformance(t, servers.MinIO(t), "minio-versioned", true)
}

func TestConformanceVersitygw(t *testing.T) {
	conformance(t, servers.Versitygw(t), "versitygw-plain", false)
}

// conformance runs the suite in one bucket, each row below its own prefix.
func conformance(t *testing.T, s *testenv.Server, bucket string, versioned bool) {
	s.Bucket(t, bucket, versioned)
	var rows atomic.Int32
	volumetest.Run(t, func(t *testing.T) volumetest.Harness {
		return newHarness(t, s, bucket, fmt.Sprintf("row%d/", rows.Add(1)))
	})
}

func newHarness(t *testing.T, s *testenv.Server, bucket, prefix string) volumetest.Harness {
	h := volumetest.Harness{Clock: &volumetest.Clock{}, Seen: &volumetest.Seen{}, Settle: nextSecond}
	o := s3volume.Options{Access: s.Access(), Bucket: bucket, Prefix: prefix, TrashLifetime: volumetest.Lifetime,
		Now: h.Clock.Now, Observe: h.Seen.Observe}
	h.Volume = open(t, o)
	o.ReadOnly = true
	h.ReadOnly = open(t, o)
	h.Damage = func(t *testing.T, hash locator.Hash, change func([]byte) []byte) {
		key := prefix + string(hash[:3]) + "/" + string(hash)
		client := s.Client(t)
		got, err := client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(got.Body)
		_ = got.Body.Close() // it was read to its end
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(change(data))})
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// nextSecond waits for the next second, since S3 tells times in seconds.
func nextSecond() {
	now := time.Now()
	time.Sleep(now.Truncate(time.Second).Add(time.Second + 10*time.Millisecond).Sub(now))
}

func open(t testing.TB, o s3volume.Options) *s3volume.Volume {
	t.Helper()
	v, err := s3volume.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func access(url string) creds.Access {
	return creds.Access{Endpoint: &creds.Endpoint{Name: "lab", URL: url, Region: testenv.Region, PathStyle: true},
		Provider: testenv.Keys("AKIDEXAMPLE", "secret")}
}

func wantKind(t testing.TB, err error, k volume.Kind) {
	t.Helper()
	if !volume.IsKind(err, k) {
		t.Errorf("got error %v in place of kind %s", err, k)
	}
}
