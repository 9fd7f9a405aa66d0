// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/arvados-s3/keepstore/creds"
)

// Server is a running S3 server.
type Server struct {
	// Name is "minio", "versitygw" and so on.
	Name string
	// URL is scheme, host and port.
	URL string
	// RoleARN is the role that an STS gives for the tokens of an issuer.
	RoleARN string
	// audience is what the tokens of that issuer must be for.
	audience string
	// region is where the server says it is; empty means [Region].
	region string
	// processes are stopped in this order.
	processes []*process

	mu       sync.Mutex
	accounts accounts // nil where there are none
	users    int
	grants   []grant
}

func (s *Server) stop() {
	for _, p := range s.processes {
		p.stop()
	}
}

// Endpoint returns settings for the server, or for a proxy before it if url
// is not empty.
func (s *Server) Endpoint(url string) *creds.Endpoint {
	if url == "" {
		url = s.URL
	}
	return &creds.Endpoint{Name: s.Name, URL: url, Region: Region, PathStyle: true, Audience: s.audience}
}

// Access returns access as the owner of everything.
func (s *Server) Access() creds.Access {
	return creds.Access{Endpoint: s.Endpoint(""), Provider: Keys(AccessKey, SecretKey)}
}

// Keys returns a provider of fixed keys.
func Keys(id, secret string) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(id, secret, "")
}

// Client returns an AWS SDK client for putting test data there.
func (s *Server) Client(t testing.TB) *s3.Client {
	t.Helper()
	return s.client(t, Keys(AccessKey, SecretKey))
}

func (s *Server) client(t testing.TB, keys aws.CredentialsProvider) *s3.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	return s3.New(s3.Options{
		BaseEndpoint:               aws.String(s.URL),
		Region:                     cmp.Or(s.region, Region),
		UsePathStyle:               true,
		Credentials:                keys,
		HTTPClient:                 &http.Client{Transport: transport},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
}

// Bucket makes a bucket and switches versioning on if asked to.
func (s *Server) Bucket(t testing.TB, name string, versioned bool) string {
	t.Helper()
	ctx, client := context.Background(), s.Client(t)
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatalf("making bucket %s on %s: %v", name, s.Name, err)
	}
	if !versioned {
		return name
	}
	_, err := client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	if err != nil {
		t.Fatalf("versioning of bucket %s on %s: %v", name, s.Name, err)
	}
	return name
}
