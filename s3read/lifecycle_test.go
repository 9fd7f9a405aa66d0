// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
)

// setRules gives a bucket three lifecycle rules.
func setRules(t *testing.T, server *testenv.Server, bucket string) {
	t.Helper()
	_, err := server.Client(t).PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{Bucket: &bucket,
		LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{
			{ID: aws.String("old versions"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("old/")},
				NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(30)}},
			{ID: aws.String("tagged"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{
				Prefix: aws.String("new/"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}},
				Expiration: &types.LifecycleExpiration{Days: aws.Int32(7)}},
			{ID: aws.String("off"), Status: types.ExpirationStatusDisabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("off/")},
				Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}},
		}}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLifecycle: two servers tell their rules in the same way, and a bucket
// without rules has none.
func TestLifecycle(t *testing.T) {
	for _, server := range []*testenv.Server{servers.MinIO(t), servers.Moto(t)} {
		with, without := server.Bucket(t, "lifecycle-with", true), server.Bucket(t, "lifecycle-without", true)
		setRules(t, server, with)
		reader := newReader(t, patient)
		rules, err := reader.Lifecycle(t.Context(), server.Access(), with)
		want := []s3read.LifecycleRule{{ID: "old versions", Prefix: "old/", NoncurrentDays: 30}, {ID: "tagged", Prefix: "new/", Tagged: true, Days: 7}}
		if diff := cmp.Diff(want, rules); diff != "" || err != nil {
			t.Errorf("%s: %v, %s", server.Name, err, diff)
		}
		if rules, err := reader.Lifecycle(t.Context(), server.Access(), without); err != nil || rules != nil {
			t.Errorf("%s: a bucket without rules has %+v, %v", server.Name, rules, err)
		}
		if lock, err := reader.ObjectLock(t.Context(), server.Access(), without); err != nil || lock.Enabled {
			t.Errorf("%s: a bucket without lock has %+v, %v", server.Name, lock, err)
		}
	}
}

// TestLifecycleUnknown: servers that know no rules, or answer with something
// else, give an error and no rules, after one request.
func TestLifecycleUnknown(t *testing.T) {
	for _, server := range []*testenv.Server{servers.Versitygw(t), servers.GoFakeS3(t), servers.Rclone(t)} {
		bucket := "lifecycle-unknown"
		server.Bucket(t, bucket, false)
		proxy := faultproxy.New(t, server.URL)
		proxy.Set()
		access := server.Access()
		access.Endpoint = server.Endpoint(proxy.URL())
		rules, err := newReader(t, patient).Lifecycle(t.Context(), access, bucket)
		if wantKind(t, err, s3read.BadReply); rules != nil {
			t.Errorf("%s: %+v", server.Name, rules)
		}
		if log := proxy.Log(); len(log) != 1 {
			t.Errorf("%s was asked %v", server.Name, log)
		}
	}
}

// TestSettingsRefused: without the right to ask, the sentence names the right;
// a server in trouble is not asked again.
func TestSettingsRefused(t *testing.T) {
	r := newRig(t, patient)
	user := servers.MinIO(t).User(t, "without-lifecycle")
	user.AllowRead(t, faultBucket, "")
	access := r.access
	access.Provider = testenv.Keys(user.AccessKey, user.Secret())
	for action, ask := range map[string]func() error{
		"s3:GetLifecycleConfiguration":        func() error { _, err := r.reader.Lifecycle(t.Context(), access, faultBucket); return err },
		"s3:GetBucketObjectLockConfiguration": func() error { _, err := r.reader.ObjectLock(t.Context(), access, faultBucket); return err },
	} {
		if e := wantKind(t, ask(), s3read.Denied); !bytes.Contains([]byte(e.Text), []byte(action)) {
			t.Errorf("%s: %s", action, e.Text)
		}
		r.proxy.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Answer(http.StatusInternalServerError, "")}})
		wantKind(t, ask(), s3read.SlowDown)
		r.requests(1)
		r.proxy.Set()
	}
	if _, err := r.reader.Lifecycle(t.Context(), r.access, faultBucket); err != nil {
		t.Errorf("control: %v", err)
	}
}

// TestOutlookOnMinIO: what HEAD tells of versions that a rule will remove, and
// of one that is locked.
func TestOutlookOnMinIO(t *testing.T) {
	server := servers.MinIO(t)
	ctx, client, bucket, reader := t.Context(), server.Client(t), "outlook-locked", newReader(t, patient)
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	setRules(t, server, bucket)
	until := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	locked := locator.Object{Bucket: bucket, Key: "locked"}
	out, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &locked.Key, Body: bytes.NewReader([]byte("x")),
		ObjectLockMode: types.ObjectLockModeGovernance, ObjectLockRetainUntilDate: &until, ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn})
	if err != nil {
		t.Fatal(err)
	}
	locked.VersionID = *out.VersionId
	info, err := reader.Head(ctx, server.Access(), locked)
	if want := (s3read.Outlook{LockMode: "GOVERNANCE", LockedUntil: until, LegalHold: true}); err != nil || info.Outlook == nil || *info.Outlook != want {
		t.Errorf("locked: %+v, %v, want %+v", info.Outlook, err, want)
	}
	old := put(t, bucket, "old/x", []byte("1"))
	if info, err := reader.Head(ctx, server.Access(), old); err != nil || info.Outlook != nil {
		t.Errorf("the rule is about old versions, and the current one has %+v, %v", info.Outlook, err)
	}
	put(t, bucket, "old/x", []byte("2"))
	info, err = reader.Head(ctx, server.Access(), old)
	if err != nil || info.Outlook == nil || info.Outlook.ExpiresRule != "old versions" || time.Until(info.Outlook.Expires) < 29*24*time.Hour {
		t.Errorf("an old version has %+v, %v", info.Outlook, err)
	}
	for _, years := range []bool{false, true} {
		lockBy(t, server, bucket, years)
		lock, err := reader.ObjectLock(ctx, server.Access(), bucket)
		want := s3read.ObjectLock{Enabled: true, Mode: "COMPLIANCE", Days: 5}
		if years {
			want = s3read.ObjectLock{Enabled: true, Mode: "COMPLIANCE", Years: 2}
		}
		if err != nil || lock != want {
			t.Errorf("%+v, %v, want %+v", lock, err, want)
		}
	}
}

// lockBy sets the default retention of a bucket.
func lockBy(t *testing.T, server *testenv.Server, bucket string, years bool) {
	t.Helper()
	retention := &types.DefaultRetention{Mode: types.ObjectLockRetentionModeCompliance, Days: aws.Int32(5)}
	if years {
		retention.Days, retention.Years = nil, aws.Int32(2)
	}
	_, err := server.Client(t).PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{Bucket: &bucket,
		ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: retention}}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRestoreOnMoto: an archived object that was restored can be read, and
// HEAD tells until when. That it takes time to be restored no server here
// shows; TestReadOutlook has the words of that.
func TestRestoreOnMoto(t *testing.T) {
	server := servers.Moto(t)
	ctx, client, key, reader := t.Context(), server.Client(t), "archived", newReader(t, patient)
	bucket := server.Bucket(t, "outlook-archive", true)
	out, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte("x")), StorageClass: types.StorageClassGlacier})
	if err != nil {
		t.Fatal(err)
	}
	pinned := locator.Object{Bucket: bucket, Key: key, VersionID: *out.VersionId}
	if info, err := reader.Head(ctx, server.Access(), pinned); err != nil || !info.Archived || info.Outlook != nil {
		t.Errorf("archived: %+v, %v", info, err)
	}
	if _, err := client.RestoreObject(ctx, &s3.RestoreObjectInput{Bucket: &bucket, Key: &key, VersionId: out.VersionId,
		RestoreRequest: &types.RestoreRequest{Days: aws.Int32(3)}}); err != nil {
		t.Fatal(err)
	}
	info, err := reader.Head(ctx, server.Access(), pinned)
	if err != nil || info.Archived || info.Outlook == nil || time.Until(info.Outlook.RestoredUntil) < 47*time.Hour {
		t.Errorf("restored: %+v %+v, %v", info, info.Outlook, err)
	}
}
