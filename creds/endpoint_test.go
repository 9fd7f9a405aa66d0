// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import "testing"

// TestAddress: the host follows from the endpoint and the bucket alone.
func TestAddress(t *testing.T) {
	tests := []struct {
		endpoint Endpoint
		bucket   string
		want     string
	}{
		{Endpoint{Region: "us-east-1"}, "data", "https data.s3.us-east-1.amazonaws.com "},
		{Endpoint{Region: "us-east-1"}, "data.with.dots", "https s3.us-east-1.amazonaws.com /data.with.dots"},
		{Endpoint{Region: "us-east-1", PathStyle: true}, "data", "https s3.us-east-1.amazonaws.com /data"},
		{Endpoint{Region: "cn-north-1"}, "data", "https data.s3.cn-north-1.amazonaws.com.cn "},
		{Endpoint{Region: "us-gov-west-1"}, "data", "https data.s3.us-gov-west-1.amazonaws.com "},
		{Endpoint{Region: "us-isob-east-1"}, "data", "https data.s3.us-isob-east-1.sc2s.sgov.gov "},
		{Endpoint{Region: "us-iso-east-1"}, "data", "https data.s3.us-iso-east-1.c2s.ic.gov "},
		{Endpoint{URL: "http://minio.lab:9000/"}, "data", "http data.minio.lab:9000 "},
		{Endpoint{URL: "http://minio.lab:9000", PathStyle: true}, "data", "http minio.lab:9000 /data"},
		{Endpoint{URL: "http://127.0.0.1:9000"}, "data", "http 127.0.0.1:9000 /data"},
		{Endpoint{URL: "http://127.0.0.1"}, "data", "http 127.0.0.1 /data"},
		{Endpoint{URL: "http://[::1]:9000"}, "data", "http [::1]:9000 /data"},
	}
	for _, test := range tests {
		scheme, host, prefix := test.endpoint.Address(test.bucket, test.endpoint.Region)
		if got := scheme + " " + host + " " + prefix; got != test.want {
			t.Errorf("%+v, %s: got %s, want %s", test.endpoint, test.bucket, got, test.want)
		}
	}
}

// TestSTSOwner: AWS is one, whatever the region. What only looks like AWS, as
// the names that AWS gives to machines and buckets of its customers do, is not.
func TestSTSOwner(t *testing.T) {
	for _, aws := range []Endpoint{
		{Region: "us-east-1"}, {Region: "cn-north-1"}, {Region: "eu-west-1", Regions: []string{"us-east-1"}},
		{STSURL: "https://sts.amazonaws.com"}, {STSURL: "https://sts.us-east-1.amazonaws.com:443", URL: "https://minio.lab"},
		{STSURL: "https://sts-fips.us-gov-west-1.amazonaws.com"}, {STSURL: "https://sts.cn-north-1.amazonaws.com.cn"},
		{STSURL: "https://vpce-0a1b-c2d3.sts.us-east-1.vpce.amazonaws.com"}, {STSURL: "https://sts.us-isob-east-1.sc2s.sgov.gov"},
	} {
		if got := aws.STSOwner(); got != "AWS" {
			t.Errorf("%+v is of %s", aws, got)
		}
	}
	for want, e := range map[string]Endpoint{
		"https://minio.lab:9000": {URL: "https://minio.lab:9000"},
		"https://minio.lab":      {URL: "https://minio.lab:443", Region: "us-east-1"},
		"http://127.0.0.1":       {URL: "https://s3.us-east-1.amazonaws.com", STSURL: "http://127.0.0.1:80"},
		"https://sts.lab":        {Region: "us-east-1", STSURL: "https://sts.lab"},
	} {
		if got := e.STSOwner(); got != want {
			t.Errorf("%+v is of %s, want %s", e, got, want)
		}
	}
	for _, url := range []string{
		"http://sts.amazonaws.com", "https://sts.amazonaws.com:8443", "https://sts.amazonaws.com.example.org", "https://xsts.amazonaws.com",
		"https://sts.s3.amazonaws.com", "https://sts.s3-us-west-2.amazonaws.com", "https://ec2-192-0-2-1.compute-1.amazonaws.com",
		"https://sts-1.us-east-1.elb.amazonaws.com", "https://vpce-1.vpce-svc-2.us-east-1.vpce.amazonaws.com", "https://s3.us-east-1.amazonaws.com",
	} {
		if got := (&Endpoint{Region: "us-east-1", STSURL: url}).STSOwner(); got != url {
			t.Errorf("%s is of %s", url, got)
		}
	}
}
