// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"strings"
	"testing"
)

func onAWS() *Endpoint   { return &Endpoint{Region: "us-east-1"} }
func onChina() *Endpoint { return &Endpoint{Region: "cn-north-1"} }
func onOther() *Endpoint { return &Endpoint{Region: "us-east-1", URL: "http://127.0.0.1:9000"} }

// TestRoleARN is case T-03: what is not the ARN of one role is refused before
// any STS is asked.
func TestRoleARN(t *testing.T) {
	long := strings.Repeat("a", 65)
	for _, c := range []struct {
		e    *Endpoint
		text string
		want RoleARN // no Name: refused
	}{
		{onAWS(), "arn:aws:iam::111122223333:role/readers", RoleARN{"", "aws", "111122223333", "readers"}},
		{onAWS(), "arn:aws:iam::111122223333:role/a/b.c/r+=,.@-_1", RoleARN{"", "aws", "111122223333", "r+=,.@-_1"}},
		{onChina(), "arn:aws-cn:iam::111122223333:role/readers", RoleARN{"", "aws-cn", "111122223333", "readers"}},
		{onOther(), "arn:aws:iam::111122223333:role/readers", RoleARN{"", "aws", "111122223333", "readers"}},
		{onOther(), "arn:aws:iam:::role/readers", RoleARN{"", "aws", "", "readers"}},
		{onOther(), "arn:aws:iam::lab_1:role/readers", RoleARN{"", "aws", "lab_1", "readers"}},
		{onOther(), "arn:minio:iam:::role/dummy-1", RoleARN{"", "minio", "", "dummy-1"}},
		{onOther(), "arn:minio:iam:us-east-1::role/aq0Fvp", RoleARN{"", "minio", "", "aq0Fvp"}},
		// Other partitions and accounts.
		{onAWS(), "arn:aws-cn:iam::111122223333:role/readers", RoleARN{}},
		{onChina(), "arn:aws:iam::111122223333:role/readers", RoleARN{}},
		{onAWS(), "arn:aws:iam:::role/readers", RoleARN{}},
		{onAWS(), "arn:aws:iam::11112222333:role/readers", RoleARN{}},
		{onAWS(), "arn:aws:iam::lab:role/readers", RoleARN{}},
		{onAWS(), "arn:minio:iam:us-east-1::role/x", RoleARN{}},
		{onOther(), "arn:minio:iam::lab:role/x", RoleARN{}},
		{onOther(), "arn:aws-cn:iam:::role/x", RoleARN{}},
		// Other things than roles.
		{onAWS(), "", RoleARN{}},
		{onAWS(), "readers", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:user/readers", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:root", RoleARN{}},
		{onAWS(), "arn:aws:sts::111122223333:assumed-role/readers/s", RoleARN{}},
		{onAWS(), "arn:aws:s3:::bucket", RoleARN{}},
		{onAWS(), "arn:aws:iam:us-east-1:111122223333:role/readers", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role//x", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/readers/", RoleARN{}},
		// Wildcards, control characters, lengths.
		{onAWS(), "arn:aws:iam::111122223333:role/*", RoleARN{}},
		{onAWS(), "arn:aws:iam::*:role/readers", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/rea?ers", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/readers\n", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/\x00readers", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/réaders", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/rea ders", RoleARN{}},
		{onAWS(), " arn:aws:iam::111122223333:role/readers", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/${aws:username}", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/" + long, RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/" + strings.Repeat("a/", 9) + "r", RoleARN{}},
		{onAWS(), "arn:aws:iam::111122223333:role/" + strings.Repeat("a", 3000), RoleARN{}},
	} {
		got, err := ParseRoleARN(c.e, c.text)
		if c.want.Name == "" {
			if err == nil {
				t.Errorf("%q at %q was accepted", c.text, c.e.URL)
			} else if strings.ContainsAny(err.Error(), "*?$\n\x00é") {
				t.Errorf("the error quotes the text: %v", err)
			}
			continue
		}
		if c.want.Text = c.text; err != nil || got != c.want {
			t.Errorf("%q: got %+v, %v", c.text, got, err)
		}
	}
}

func TestRolePattern(t *testing.T) {
	for _, c := range []struct {
		pattern, role string
		want          bool
	}{
		{"arn:aws:iam::*:role/arvados-*", "arn:aws:iam::111122223333:role/arvados-readers", true},
		{"arn:aws:iam::*:role/arvados-*", "arn:aws:iam:::role/arvados-readers", true},
		{"arn:aws:iam::*:role/arvados-*", "arn:aws:iam::111122223333:role/arvados-x/admin", false},
		{"arn:aws:iam::*:role/arvados-*", "arn:aws:iam::111122223333:role/x/arvados-readers", false},
		{"arn:aws:iam::*:role/arvados-*", "arn:aws:iam::111122223333:role/readers", false},
		{"arn:aws:iam::*:role/*", "arn:aws:iam::111122223333:role/team/readers", false},
		{"arn:aws:iam::*:role/team/*", "arn:aws:iam::111122223333:role/team/readers", true},
		{"arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223334:role/x", false},
		{"arn:aws*:iam::*:role/x", "arn:aws-cn:iam::111122223333:role/x", true},
		{"arn:aws:iam::*:role/a.c", "arn:aws:iam::111122223333:role/abc", false},
		{"arn:aws:iam::*:role/a+", "arn:aws:iam::111122223333:role/aa", false},
		{"arn:minio:iam:*::role/*", "arn:minio:iam:us-east-1::role/abc", true},
		{"arn:minio:iam:*::role/*", "arn:aws:iam:::role/abc", false},
	} {
		p, err := ParseRolePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		e := onOther()
		if strings.HasPrefix(c.role, "arn:aws-cn") {
			e = onChina()
		}
		role, err := ParseRoleARN(e, c.role)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(role); got != c.want {
			t.Errorf("%s covers %s: %v", c.pattern, c.role, got)
		}
	}
	for _, bad := range []string{"", "*", "arn:aws:iam::*", "arn:aws:s3:::*", "arn:aws:iam::*:*", "arn:aws:iam::*:role*", "arn:aws:iam::*:role/", "arn:aws:iam::*:role/a b", "arn:aws:iam::*:role/a?", strings.Repeat("a", 3000)} {
		if _, err := ParseRolePattern(bad); err == nil {
			t.Errorf("%.40q was accepted", bad)
		}
	}
}

// FuzzRoleARN: what is accepted is plain, and matches itself as a pattern.
func FuzzRoleARN(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string, aws bool) {
		e := onOther()
		if aws {
			e = onAWS()
		}
		role, err := ParseRoleARN(e, text)
		if err != nil {
			return
		}
		if role.Text != text || len(text) > maxARN || strings.ContainsAny(text, "*?$\"{}\\ \x00\n") || !strings.HasSuffix(text, "/"+role.Name) {
			t.Errorf("%q gave %+v", text, role)
		}
		if p, err := ParseRolePattern(text); err != nil || !p.Match(role) {
			t.Errorf("%q does not match itself: %v", text, err)
		}
	})
}

func TestSTSAddress(t *testing.T) {
	for want, e := range map[string]*Endpoint{
		"https://sts.us-east-1.amazonaws.com":     {Region: "us-east-1"},
		"https://sts.cn-north-1.amazonaws.com.cn": {Region: "cn-north-1"},
		"http://127.0.0.1:9000":                   {Region: "us-east-1", URL: "http://127.0.0.1:9000"},
		"https://sts.lab":                         {Region: "us-east-1", URL: "http://127.0.0.1:9000", STSURL: "https://sts.lab"},
	} {
		if got := e.STSAddress(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if Partition("us-gov-west-1") != "aws-us-gov" || Partition("eu-west-1") != "aws" {
		t.Error("a partition is wrong")
	}
}
