// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"
)

// audienceFaults are what one endpoint says of its audience by itself.
var audienceFaults = map[string]faultCase{
	"audience spaces":     {partEndpoint, `aws: {region: r, audience: "a b"}` + partIssuer, `5: endpoints.aws.audience: the audience is of 1 to 255 characters without spaces, such as sts.amazonaws.com`},
	"audience no tokens":  {partEndpoint, `aws: {region: r, audience: a, web_identity: false}` + partIssuer, `5: endpoints.aws.audience: the audience is that of web tokens, and web_identity: false says that this endpoint gets none: remove one of the two`},
	"audience no issuer":  {partEndpoint, `aws: {region: r, audience: a}`, `5: endpoints.aws.audience: the audience is that of web tokens, and there is no issuer of them: give issuer.url, or remove this`},
	"audience is no list": {partEndpoint, `aws: {region: r, audience: [a]}`, `5: endpoints.aws.audience: expected one value, found a list`},
}

// sharing is a configuration with an endpoint for each line, and a rule of a
// mode for each.
func sharing(more, mode string, endpoints ...string) string {
	var text, rules strings.Builder
	for i, e := range endpoints {
		name, settings, _ := strings.Cut(e, " ")
		fmt.Fprintf(&text, "  %s: {region: us-east-1, %s}\n", name, settings)
		fmt.Fprintf(&rules, "  - {url: \"s3://bucket-%d/\", endpoint: %s, %s}\n", i, name, mode)
	}
	return "cluster_id: zzzzz\napi: {url: \"https://zzzzz.example.org\"}\nblob_signing: {key: hunter2}\n" +
		"endpoints:\n" + text.String() + "access:\n" + rules.String() + more
}

// TestSharedAudience: what the STS of one owner gets must not be good at that
// of another.
func TestSharedAudience(t *testing.T) {
	const (
		issuer = "issuer: {url: \"https://keep.example.org\", key_file: k.pem}\n"
		allow  = "roles: {own_account: \"111122223333\", allow: [\"arn:*:iam:*:*:role/*\"]}\n"
		lab    = `lab url: "https://minio.lab"`
		hall   = `hall url: "https://minio.hall"`
	)
	for name, c := range map[string]struct {
		more, mode string
		endpoints  []string
		first      string // the two of the fault, or nothing
		later      string
	}{
		"AWS and another":          {issuer + allow, "mode: token", []string{"aws", lab}, "aws", "lab"},
		"AWS comes first":          {issuer + allow, "mode: token", []string{"zone", lab}, "zone", "lab"},
		"two others":               {issuer + allow, "mode: token", []string{lab, hall}, "hall", "lab"},
		"both say the same":        {issuer + allow, "mode: token", []string{lab + ", audience: a", hall + ", audience: a"}, "hall", "lab"},
		"one says the standard":    {issuer + allow, "mode: token", []string{"aws", lab + ", audience: sts.amazonaws.com"}, "aws", "lab"},
		"another STS than AWS'":    {issuer + allow, "mode: token", []string{"aws", `eu sts_url: "https://sts.lab"`}, "aws", "eu"},
		"another port":             {issuer + allow, "mode: token", []string{lab, `port url: "https://minio.lab:9000"`}, "lab", "port"},
		"mode role":                {issuer, `mode: role, role: "arn:aws:iam::444455556666:role/x"`, []string{"aws", `eu sts_url: "https://sts.lab"`}, "aws", "eu"},
		"one of its own":           {issuer + allow, "mode: token", []string{"aws", lab + ", audience: lab", hall + ", audience: hall"}, "", ""},
		"two regions":              {issuer + allow, "mode: token", []string{"aws", `eu sts_url: "https://sts.eu-west-1.amazonaws.com"`}, "", ""},
		"one STS, two addresses":   {issuer + allow, "mode: token", []string{lab, `port url: "https://MinIO.lab:443"`}, "", ""},
		"one STS of two":           {issuer + allow, "mode: token", []string{`a url: "https://a.lab", sts_url: "https://sts.lab"`, `b url: "https://b.lab", sts_url: "https://sts.lab"`}, "", ""},
		"records name no roles":    {issuer, "mode: token", []string{"aws", lab}, "", ""},
		"the server's own":         {issuer + allow, "mode: iam", []string{"aws", lab}, "", ""},
		"no tokens":                {issuer + allow, "mode: token", []string{"aws", lab + ", web_identity: false"}, "", ""},
		"no tokens, and no issuer": {allow, "mode: token", []string{"aws web_identity: false", lab + ", web_identity: false"}, "", ""},
	} {
		_, err := loadText(t, sharing(c.more, c.mode, c.endpoints...))
		if c.first == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		want := fmt.Sprintf("endpoints.%[2]s.audience: the web tokens for the STS of the endpoints %[1]s and %[2]s have the same audience, so whoever runs one of the two could be "+
			"any user at the other with the tokens that it gets: give %[2]s an audience of its own, such as audience: keepstore-%[2]s, and register it at its STS as the client id", c.first, c.later)
		if err == nil || !strings.HasSuffix(err.Error(), want) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: got %v\nwant %s", name, err, want)
		}
	}
}

// TestAudiences: an endpoint has its own audience or that of the issuer, and
// none where no tokens go. A third endpoint of one audience is a fault too.
func TestAudiences(t *testing.T) {
	const issuer = "issuer: {url: \"https://keep.example.org\", key_file: k.pem, audience: ours}\n"
	c := mustLoad(t, sharing(issuer, "mode: iam", "aws", `lab url: "https://minio.lab", audience: theirs`, "hall web_identity: false"))
	for name, want := range map[string]string{"aws": "ours", "lab": "theirs", "hall": ""} {
		if got := c.Endpoints[name].Audience; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	_, err := loadText(t, sharing(issuer+"roles: {allow: [\"arn:aws:iam::*:role/*\"]}\n", "mode: token", "aws", `lab url: "https://minio.lab"`, `hall url: "https://minio.hall"`))
	if err == nil || strings.Count(err.Error(), "endpoints aws and ") != 2 {
		t.Errorf("three of one audience: %v", err)
	}
}
