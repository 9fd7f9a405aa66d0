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
