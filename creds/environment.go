// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// newEnvironment is the one place where AWS settings come from outside the
// configuration: environment variables, shared files, web identity, container
// and instance roles, with the proxy of the environment. Only the credentials
// are taken; regions and addresses of S3 stay those of the endpoint.
func newEnvironment(ctx context.Context, e *Endpoint) (aws.CredentialsProvider, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DisableKeepAlives = true // calls are an hour apart
	})
	loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(e.Region), config.WithHTTPClient(client))
	if err != nil {
		return nil, err
	}
	if loaded.Credentials == nil {
		return nil, errors.New("the default AWS chain has no credentials")
	}
	return newCached(e, uncached(loaded.Credentials)), nil
}

// fresh asks the SDK's own cache for new credentials each time, since ours is
// above it and knows better when.
type fresh struct{ cache *aws.CredentialsCache }

// Retrieve fetches new credentials.
func (f fresh) Retrieve(ctx context.Context) (aws.Credentials, error) {
	f.cache.Invalidate()
	return f.cache.Retrieve(ctx)
}

func uncached(p aws.CredentialsProvider) aws.CredentialsProvider {
	if cache, ok := p.(*aws.CredentialsCache); ok {
		return fresh{cache}
	}
	return p
}
