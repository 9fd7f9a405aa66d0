// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
)

// remembered gives keys that say when our memory of them ends.
type remembered struct{}

func (remembered) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKID", CanExpire: true, Expires: epoch.Add(time.Minute)}, nil
}

// ended knows their real end too, or why there is none.
type ended struct {
	remembered
	err error
}

func (e ended) Ends(context.Context) (time.Time, error) { return epoch.Add(24 * time.Hour), e.err }

// TestSessionStep tells the real end of what is at hand, or none.
func TestSessionStep(t *testing.T) {
	gone := &creds.Error{Kind: creds.Expired, Text: "the record has expired"}
	for name, c := range map[string]struct {
		provider aws.CredentialsProvider
		want     string
	}{
		"unsigned":   {nil, "none is needed: requests are not signed"},
		"fixed":      {&wallet{}, "keys are at hand, which do not expire by themselves"},
		"remembered": {remembered{}, "keys are at hand, which this server renews by itself"},
		"ending":     {ended{}, "keys are at hand, and work until 2026-01-03T03:04:05Z at the latest"},
		"ended":      {ended{err: gone}, gone.Text},
	} {
		e := &explanation{access: creds.Access{Provider: c.provider}}
		got, err := e.lookForKeys(t.Context())
		if err != nil {
			got = err.Error()
		}
		if got != c.want || (err != nil) != (name == "ended") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestMissingRight: a URL without a version takes two rights, and the report
// says which one is missing.
func TestMissingRight(t *testing.T) {
	s3 := &s3read.Error{Kind: s3read.Denied, Text: "S3 says no"}
	current := func(o locator.Object) bool { return o.VersionID == "" }
	byID := func(o locator.Object) bool { return o.VersionID != "" }
	const whole, one = "s3://own/x", "s3://own/x?versionId=v1"
	for name, c := range map[string]struct {
		url    string
		refuse func(locator.Object) bool
		err    error
		heads  int64
		want   string // of the sentence; "" is success
	}{
		"both":                    {whole, nil, nil, 2, ""},
		"both, by id":             {one, nil, nil, 1, ""},
		"no GetObject":            {whole, current, s3, 1, "S3 says no; whether s3:GetObjectVersion is granted, which every read takes, shows with ?versionId="},
		"no GetObject, by id":     {one, current, s3, 1, ""},
		"no GetObjectVersion":     {whole, byID, s3, 2, "S3 lets the credential record of alice read the current version (s3:GetObject), but not the same version by its id, as every read asks for it: ask the owner of the bucket to grant s3:GetObjectVersion"},
		"no right, by id":         {one, byID, s3, 1, "S3 says no"},
		"the server's":            {"s3://own/shared/x", byID, s3, 2, "ask the operator to grant s3:GetObjectVersion"},
		"gone in between":         {whole, byID, &s3read.Error{Kind: s3read.NotFound, Text: "gone"}, 2, "gone"},
		"a fault that is no S3's": {whole, byID, errors.New("secret"), 2, "its log says more"},
	} {
		b := &bucket{versions: objects("x", "shared/x")}
		if c.refuse != nil {
			b.refuse = func(o locator.Object) error {
				if c.refuse(o) {
					return c.err
				}
				return nil
			}
		}
		im, _ := newPersonal(t, b)
		report, err := im.Explain(t.Context(), Question{URL: c.url, Token: creds.NewSecret("alice")})
		last := report.Steps[len(report.Steps)-1]
		if last.Step != "s3" || report.Readable != (c.want == "") || !strings.Contains(last.Text, c.want) || b.heads.Load() != c.heads {
			t.Errorf("%s: after %d questions %+v, %v", name, b.heads.Load(), last, err)
		}
		if c.err == error(s3) && c.want != "" && report.Error != "s3-denied" {
			t.Errorf("%s: the word is %s", name, report.Error)
		}
	}
	if s3.Text != "S3 says no" {
		t.Error("the error of S3 was changed: others may hold it")
	}
}

// TestNoVersion: an object that is pinned by its ETag has no id to ask by.
func TestNoVersion(t *testing.T) {
	v := object("same/x")
	v.Object.VersionID = ""
	b := &bucket{versions: []s3read.Version{v}}
	im, _ := newPersonal(t, b)
	if report, err := im.Explain(t.Context(), Question{URL: "s3://own/same/x", Token: creds.NewSecret("alice")}); err != nil || !report.Readable || b.heads.Load() != 1 {
		t.Errorf("after %d questions %+v, %v", b.heads.Load(), report, err)
	}
}
