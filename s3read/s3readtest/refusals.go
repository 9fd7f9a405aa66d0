// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3readtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
)

func (s *suite) missing(t *testing.T) {
	good := s.put(t, "refusals/there", []byte("hello"))
	for name, change := range map[string]func(*locator.Object){
		"key":             func(o *locator.Object) { o.Key = "refusals/not-there" },
		"bucket":          func(o *locator.Object) { o.Bucket = "keepstore-no-such-bucket" },
		"garbage version": func(o *locator.Object) { o.VersionID = "garbage" },
		"other's version": func(o *locator.Object) { o.VersionID = s.put(t, "refusals/other", []byte("other")).VersionID },
	} {
		o, kind := good, s3read.NotFound
		change(&o)
		if name == "bucket" {
			kind = s3read.NoBucket
		}
		if e := s.fails(t, o, 0, kind); name == "bucket" != strings.Contains(e.Text, "the bucket") {
			t.Errorf("%s: %s", name, e.Text)
		}
		for range 2 { // the second after it is known whether there is a bucket
			_, err := s.reader.Head(context.Background(), s.Access, o)
			wantKind(t, err, kind)
		}
		if name == "key" || name == "bucket" {
			o.VersionID = ""
			_, err := s.reader.Head(context.Background(), s.Access, o)
			wantKind(t, err, kind)
		}
	}
	for _, err := range s.reader.Versions(context.Background(), s.Access, "keepstore-no-such-bucket", "", "") {
		wantKind(t, err, s3read.NoBucket)
	}
	s.read(t, good, 0, []byte("hello"))
}

func (s *suite) wrongKeys(t *testing.T) {
	o := s.put(t, "refusals/keys", []byte("hello"))
	owner, err := s.Access.Provider.Retrieve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]aws.CredentialsProvider{
		"wrong secret": credentials.NewStaticCredentialsProvider(owner.AccessKeyID, "no-secret-of-mine", ""),
		"unknown key":  credentials.NewStaticCredentialsProvider("AKIDUNKNOWN", "secret", ""),
		"stray token":  credentials.NewStaticCredentialsProvider(owner.AccessKeyID, owner.SecretAccessKey, "no-token"),
	} {
		s.read(t, o, 0, []byte("hello")) // so that the right keys were the last in use
		access := s.Access
		access.Provider = keys
		got, err := s.open(access, o, 0, 5)
		if s.Quirks.AcceptedCredentials[name] {
			if err != nil || string(got) != "hello" {
				t.Errorf("%s, which this server accepts: %q, %v", name, got, err)
			}
			continue
		}
		e := wantKind(t, err, s3read.CredsExpired)
		for _, secret := range []string{owner.AccessKeyID, "no-secret-of-mine", "AKIDUNKNOWN", "no-token"} {
			if strings.Contains(e.Text, secret) {
				t.Errorf("%s: the sentence tells %s", name, secret)
			}
		}
	}
	s.read(t, o, 0, []byte("hello"))
}

func (s *suite) anonymous(t *testing.T) {
	public, private := s.put(t, "public/object", []byte("hello")), s.put(t, "private/object", []byte("hello"))
	access := s.Access
	access.Provider = nil
	_, err := s.open(access, public, 0, 5)
	if e := wantKind(t, err, s3read.Denied); !strings.Contains(e.Text, "s3:GetObjectVersion") || !strings.Contains(e.Text, "anonymous") {
		t.Errorf("%s", e.Text)
	}
	s.listUnsigned(t, public)
	s.publish(t, "public/*")
	got, err := s.open(access, public, 0, 5)
	if err != nil || string(got) != "hello" {
		t.Errorf("public: %q, %v", got, err)
	}
	_, err = s.open(access, private, 0, 5)
	wantKind(t, err, s3read.Denied)
}

// listUnsigned lists a folder with one object without keys.
func (s *suite) listUnsigned(t *testing.T, only locator.Object) {
	t.Helper()
	access := s.Access
	access.Provider = nil
	n := 0
	for v, err := range s.reader.Versions(context.Background(), access, s.Versioned, "public/", "") {
		n++
		if s.Quirks.ListsForAll {
			if err != nil || v.Object != only {
				t.Errorf("%s, %v", v.Object, err)
			}
		} else if e := wantKind(t, err, s3read.Denied); !strings.Contains(e.Text, "s3:ListBucketVersions") {
			t.Errorf("%s", e.Text)
		}
	}
	if n != 1 {
		t.Errorf("%d entries and errors in place of one", n)
	}
}

// publish lets everybody read the keys of the versioned bucket that fit.
func (s *suite) publish(t *testing.T, keys string) {
	t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},
		"Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":["arn:aws:s3:::%s/%s"]}]}`, s.Versioned, keys)
	_, err := s.Client.PutBucketPolicy(context.Background(), &s3.PutBucketPolicyInput{Bucket: &s.Versioned, Policy: &policy})
	if err != nil {
		t.Fatal(err)
	}
}
