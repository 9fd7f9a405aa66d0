// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestNoBucket: a bucket that is gone is a fault. Nothing of it counts as
// deleted, whereas single objects that are deleted do.
func TestNoBucket(t *testing.T) {
	for name, server := range map[string]func(testing.TB) *testenv.Server{"minio": servers.MinIO, "versitygw": servers.Versitygw} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigOn(t, server(t), true)
			ctx := t.Context()
			versions := map[string]string{"a": r.put("a", []byte("a")), "b": r.put("b", []byte("b"))}
			c := r.admin.New()
			for _, key := range []string{"a", "b"} {
				if _, err := c.ImportFromS3(ctx, []collection.Source{{URL: r.url(key)}}, collection.ImportOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Save(ctx, collection.SaveOptions{}); err != nil {
				t.Fatal(err)
			}
			mirror := collection.RefreshOptions{Mode: collection.Mirror, DryRun: true}
			r.remove("a", versions["a"])
			if d, err := c.Refresh(ctx, mirror); err != nil || d.Count(collection.Deleted) != 1 {
				t.Fatalf("a deleted object: %+v, %v", d, err)
			}
			wantStatus(t, c, map[string]collection.Status{"a": collection.IsGone, "b": collection.OK})

			r.remove("b", versions["b"])
			r.dropBucket()
			r.restart() // it would remember for a minute that the bucket was there
			for name, o := range map[string]collection.RefreshOptions{
				"mirror": {Mode: collection.Mirror}, "append": {Mode: collection.Append},
				"of one": {Mode: collection.Mirror, DiffOptions: collection.DiffOptions{Sources: []collection.Source{{URL: r.url("a")}}}},
				"prefix": {Mode: collection.Mirror, DiffOptions: collection.DiffOptions{Sources: []collection.Source{{URL: r.url("")}}}},
			} {
				if d, err := c.Refresh(ctx, o); collection.KindOf(err) != collection.NoBucket {
					t.Errorf("%s: %+v, %v", name, d, err)
				}
			}
			if files, _ := c.Size(); files != 2 {
				t.Errorf("%d files are left", files)
			}
			wantStatus(t, c, map[string]collection.Status{"a": collection.IsUnknown, "b": collection.IsUnknown})
			if _, err := c.ReadFile("b"); collection.KindOf(err) != collection.NoBucket {
				t.Errorf("reading: %v", err)
			}
		})
	}
}

// dropBucket deletes the bucket, with what is left in it.
func (r *rig) dropBucket() {
	r.t.Helper()
	ctx := context.Background()
	left, err := r.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &r.bucket})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, m := range left.DeleteMarkers {
		r.remove(*m.Key, *m.VersionId)
	}
	for _, v := range left.Versions {
		r.remove(*v.Key, *v.VersionId)
	}
	if _, err := r.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &r.bucket}); err != nil {
		r.t.Fatal(err)
	}
}

// wantStatus checks all objects, by their keys.
func wantStatus(t *testing.T, c *collection.Collection, want map[string]collection.Status) {
	t.Helper()
	report, err := c.Check(t.Context(), collection.CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	for _, status := range want {
		if status == collection.OK {
			good++
		}
	}
	if report.Counts[collection.OK] != good || len(report.Objects) != len(want)-good {
		t.Errorf("counted %v", report.Counts)
	}
	for _, o := range report.Objects {
		if o.Status != want[o.Object.Key] {
			t.Errorf("%s is %s (%s), want %s", o.Object.Key, o.Status, o.Text, want[o.Object.Key])
		}
	}
}
