// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// expire makes the bucket remove old versions of what begins with a prefix.
func (r *rig) expire(id, prefix string, days int32) {
	r.t.Helper()
	r.lifecycle(types.LifecycleRule{ID: &id, Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: &prefix},
		NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: &days}})
}

// lifecycle gives the bucket these rules and no others.
func (r *rig) lifecycle(rules ...types.LifecycleRule) {
	r.t.Helper()
	_, err := r.s3.PutBucketLifecycleConfiguration(context.Background(), &s3.PutBucketLifecycleConfigurationInput{Bucket: &r.bucket,
		LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules}})
	if err != nil {
		r.t.Fatal(err)
	}
}

func deletes(id, prefix string, days int32) types.LifecycleRule {
	return types.LifecycleRule{ID: &id, Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: &prefix},
		Expiration: &types.LifecycleExpiration{Days: &days}}
}

// TestCheckTellsTheFuture: a version that a rule will remove is told with the
// day, those that it may remove with the rule, and the import says so first.
func TestCheckTellsTheFuture(t *testing.T) {
	r := newRig(t)
	r.expire("old ones", "c/", 30)
	for _, key := range []string{"c/kept", "c/replaced", "d/other"} {
		r.put(key, []byte(key))
	}
	c, result := r.imported(r.admin, "c/")
	if l := result.Lifecycle; len(l) != 1 || len(l[0].Rules) != 1 || !l[0].Known || !strings.Contains(l[0].Rules[0].Text, `30 days after a version is overwritten or deleted, the lifecycle rule "old ones" removes it`) {
		t.Errorf("the import tells %+v", l)
	}
	if lock := result.ObjectLock; len(lock) != 1 || !lock[0].Known || lock[0].Enabled {
		t.Errorf("the import tells %+v", lock)
	}
	r.put("c/replaced", []byte("newer"))
	report, err := c.Check(t.Context(), collection.CheckOptions{})
	if err != nil || !report.Good() || len(report.Objects) != 1 || report.Counts[collection.IsExpiring] != 1 || report.Counts[collection.OK] != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if o, days := report.Objects[0], time.Until(report.Objects[0].Ends).Hours()/24; o.Files[0] != "replaced" || o.EndsBy != "old ones" || days < 29 || days > 32 || o.Word != "" {
		t.Errorf("%+v ends in %.1f days", o, days)
	}
	if l := report.Lifecycle; len(l) != 1 || l[0].Objects != 2 || l[0].ID != "old ones" {
		t.Errorf("the rules are %+v", l)
	}
	other, result := r.imported(r.admin, "d/")
	if report, err := other.Check(t.Context(), collection.CheckOptions{}); err != nil || len(report.Lifecycle)+len(report.Objects)+len(result.Lifecycle[0].Rules) != 0 {
		t.Errorf("control: the rule is not about %+v, %v, %+v", report, err, result.Lifecycle)
	}
}

// TestCheckDeletedObjects: a rule that deletes objects leaves their versions,
// until another removes old ones.
func TestCheckDeletedObjects(t *testing.T) {
	r := newRig(t)
	r.put("c/a", []byte("a"))
	c, _ := r.imported(r.admin, "c/")
	r.lifecycle(deletes("tidy", "c/", 10))
	report, err := c.Check(t.Context(), collection.CheckOptions{})
	if err != nil || report.Counts[collection.OK] != 1 || len(report.Lifecycle) != 0 {
		t.Errorf("the version stays, but %+v, %v", report, err)
	}
	old := types.LifecycleRule{ID: aws.String("old ones"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
		NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(20)}}
	r.lifecycle(deletes("tidy", "c/", 10), old)
	report, err = c.Check(t.Context(), collection.CheckOptions{})
	if err != nil || len(report.Objects) != 1 || report.Objects[0].EndsBy != "tidy" || len(report.Lifecycle) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if days := time.Until(report.Objects[0].Ends).Hours() / 24; days < 29 || days > 32 || !strings.Contains(report.Objects[0].Text, "20 days") {
		t.Errorf("it ends in %.1f days: %s", days, report.Objects[0].Text)
	}
}

// TestCheckWithoutRightToImport: who may only read is told what they may know.
func TestCheckWithoutRightToImport(t *testing.T) {
	r := newRig(t)
	r.expire("old ones", "", 30)
	r.put("c/a", []byte("a"))
	c, _ := r.imported(r.admin, "c/")
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "shared"}); err != nil {
		t.Fatal(err)
	}
	proxy := faultproxy.New(t, r.keepURL)
	proxy.Set(faultproxy.Rule{Path: regexp.MustCompile("/s3/lifecycle"), Do: []faultproxy.Action{
		faultproxy.Answer(http.StatusForbidden, "no"), faultproxy.SetHeader("X-Keep-Error", "bucket-not-allowed")}})
	report, err := over(t, c, r.through(proxy.URL())).Check(t.Context(), collection.CheckOptions{})
	if err != nil || !report.Good() || len(report.Lifecycle) != 0 || len(report.NotKnown) != 1 || !strings.Contains(report.NotKnown[0], r.url("c/")) {
		t.Errorf("%+v, %v", report, err)
	}
	if report, err := c.Check(t.Context(), collection.CheckOptions{}); err != nil || len(report.NotKnown) != 0 || len(report.Lifecycle) != 1 {
		t.Errorf("control: %+v, %v", report, err)
	}
}

// TestCheckInParts: where only folders of a bucket are the caller's to import,
// each is asked about, and a rule is told once.
func TestCheckInParts(t *testing.T) {
	r := newRig(t)
	r.expire("old ones", "", 30)
	r.put("c/a", []byte("a"))
	r.put("many/a", []byte("a"))
	r.stop()
	whole := "s3://" + r.bucket + `/"`
	r.reconfigure(whole, "s3://"+r.bucket+`/c/"`)
	r.start()
	proxy := faultproxy.New(t, r.keepURL)
	c := r.through(proxy.URL()).New()
	for _, folder := range []string{"c/", "many/"} {
		if _, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: r.url(folder), Path: folder}}, collection.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	proxy.Set()
	report, err := c.Check(t.Context(), collection.CheckOptions{})
	if err != nil || !report.Good() || len(report.NotKnown) != 0 || len(report.Lifecycle) != 1 || report.Lifecycle[0].Objects != 2 {
		t.Errorf("%+v, %v", report, err)
	}
	asked := 0
	for _, request := range proxy.Log() {
		if request.Path == "/s3/lifecycle" {
			asked++
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times, not about the bucket and two folders", asked)
	}
}

// TestCheckLocks: a lock is told, by an import that names objects and by a
// check, and keeps a version longer than the rule would.
func TestCheckLocks(t *testing.T) {
	r := newRig(t)
	locked := fmt.Sprintf("%s-locked", r.bucket)
	if _, err := r.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &locked, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	r.stop()
	r.reconfigure("s3://"+r.bucket+"/", "s3://"+locked+"/")
	r.bucket = locked
	r.start()
	r.expire("old ones", "c/", 30)
	key, until := "c/a", time.Now().Add(90*24*time.Hour).UTC().Truncate(time.Second)
	if _, err := r.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &locked, Key: &key, Body: bytes.NewReader([]byte("a")),
		ObjectLockMode: types.ObjectLockModeGovernance, ObjectLockRetainUntilDate: &until}); err != nil {
		t.Fatal(err)
	}
	_, client := r.user(r.api.Settings().Token.Reveal(), collection.Options{})
	c := client.New()
	result, err := c.ImportFromS3(t.Context(), []collection.Source{{URL: r.url(key)}}, collection.ImportOptions{})
	if err != nil || result.Locked != 1 || !result.LockedUntil.Equal(until) || !result.ObjectLock[0].Enabled {
		t.Fatalf("%+v, %v", result, err)
	}
	r.put(key, []byte("newer"))
	report, err := c.Check(t.Context(), collection.CheckOptions{})
	if err != nil || report.Locked != 1 || !report.LockedUntil.Equal(until) || len(report.Objects) != 1 || !report.Objects[0].Ends.Equal(until) {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestCheckRotatedKeys: keys that S3 does not know any more are told from a
// denial, by a server that says so to HEAD (MinIO), and by one that says it to
// GET only, as AWS does: that one is a proxy.
func TestCheckRotatedKeys(t *testing.T) {
	r := newRig(t)
	r.put("c/a", []byte("a"))
	r.put("many/a", []byte("a"))
	mine, _ := r.imported(r.admin, "c/")
	c, _ := r.imported(r.admin, "many/")
	for code, want := range map[string]collection.Status{"InvalidAccessKeyId": collection.IsKeyRotated, "AccessDenied": collection.IsDenied} {
		r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{faultproxy.Answer(http.StatusForbidden, "<Error><Code>"+code+"</Code></Error>")}})
		report, err := c.Check(t.Context(), collection.CheckOptions{})
		if err != nil || len(report.Objects) != 1 || report.Objects[0].Status != want {
			t.Errorf("%s: %+v, %v", code, report, err)
		}
	}
	if err := mine.Save(t.Context(), collection.SaveOptions{Name: "mine"}); err != nil {
		t.Fatal(err)
	}
	r.stop()
	r.reconfigure("access_key_id: "+testenv.AccessKey, "access_key_id: ROTATED")
	r.start()
	_, client := r.user(r.api.Settings().Token.Reveal(), collection.Options{})
	mine, err := client.Load(t.Context(), mine.Record().UUID)
	if err != nil {
		t.Fatal(err)
	}
	report, err := mine.Check(t.Context(), collection.CheckOptions{})
	if err != nil || len(report.Objects) != 1 || report.Objects[0].Status != collection.IsKeyRotated || report.Good() {
		t.Errorf("MinIO: %+v, %v", report, err)
	}
}

// reconfigure puts one text in the place of another in the configuration.
func (r *rig) reconfigure(from, to string) {
	r.t.Helper()
	file := filepath.Join(r.dir, "keepstore.yml")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, bytes.ReplaceAll(text, []byte(from), []byte(to)), 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestCheckRestoring: an archived object that is being restored is told from
// one that nobody restores, and one that was restored has an end. No server
// here takes time to restore, so a proxy puts in the headers of AWS.
func TestCheckRestoring(t *testing.T) {
	r := newRig(t)
	r.put("many/cold", []byte("cold"))
	c, _ := r.imported(r.admin, "many/")
	for restore, want := range map[string]collection.Status{
		"":                       collection.IsArchived,
		`ongoing-request="true"`: collection.IsRestoring,
		`ongoing-request="false", expiry-date="Fri, 01 Jan 2100 00:00:00 GMT"`: collection.IsExpiring,
	} {
		r.lab.Set(faultproxy.Rule{Method: http.MethodHead, Do: []faultproxy.Action{
			faultproxy.SetHeader("X-Amz-Storage-Class", "GLACIER"), faultproxy.SetHeader("X-Amz-Restore", restore)}})
		report, err := c.Check(t.Context(), collection.CheckOptions{})
		if err != nil || len(report.Objects) != 1 || report.Objects[0].Status != want || report.Good() != (want == collection.IsExpiring) {
			t.Errorf("%q: %+v, %v", restore, report, err)
		}
	}
}
