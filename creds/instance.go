// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

const (
	// defaultMetadataURL is where AWS machines find their metadata service.
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
	defaultMetadataURL = "http://169.254.169.254"
	rolesPath          = "/iam/security-credentials/"
	maxMetadata        = 64 << 10
)

// instance asks the metadata service for the role of this machine. The SDK's
// own provider is not used because it hides when the credentials really end
// (it says "in an hour"), so they could not outlive an outage of the service.
type instance struct{ client *imds.Client }

// newInstance sets everything that the SDK would otherwise take from the
// environment, and speaks only the second protocol version, whose token keeps
// a careless proxy on the machine from fetching credentials for others.
func newInstance(e *Endpoint) *cached {
	return newCached(e, instance{imds.New(metadataOptions(e))})
}

func metadataOptions(e *Endpoint) imds.Options {
	return imds.Options{
		Endpoint:          cmp.Or(e.MetadataURL, defaultMetadataURL),
		ClientEnableState: imds.ClientEnabled,
		EnableFallback:    aws.FalseTernary,
		HTTPClient:        metadataClient(),
	}
}

// metadataClient uses no proxy, follows no redirect and keeps no connection:
// calls are an hour apart.
func metadataClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: time.Second}).DialContext,
			ResponseHeaderTimeout:  2 * time.Second,
			MaxResponseHeaderBytes: maxMetadata,
			DisableKeepAlives:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Retrieve returns the credentials of the machine's first role.
func (i instance) Retrieve(ctx context.Context) (aws.Credentials, error) {
	roles, err := i.get(ctx, rolesPath)
	if err != nil {
		return aws.Credentials{}, err
	}
	role, _, _ := strings.Cut(strings.TrimSpace(string(roles)), "\n")
	if role = strings.TrimSpace(role); role == "" {
		return aws.Credentials{}, fmt.Errorf("the instance metadata service names no role for this machine")
	}
	body, err := i.get(ctx, rolesPath+role)
	if err != nil {
		return aws.Credentials{}, err
	}
	return parseRole(body)
}

func (i instance) get(ctx context.Context, path string) ([]byte, error) {
	reply, err := i.client.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	if err != nil {
		return nil, fmt.Errorf("the instance metadata service does not give %s: %w", path, err)
	}
	defer func() { _ = reply.Content.Close() }()
	body, err := io.ReadAll(io.LimitReader(reply.Content, maxMetadata))
	if err != nil {
		return nil, fmt.Errorf("the reply of the instance metadata service to %s broke off: %w", path, err)
	}
	return body, nil
}

// parseRole never quotes the reply in an error: it holds the secret key.
func parseRole(body []byte) (aws.Credentials, error) {
	var role struct {
		Code, AccessKeyID, SecretAccessKey, Token string
		Expiration                                time.Time
	}
	if err := json.Unmarshal(body, &role); err != nil {
		return aws.Credentials{}, fmt.Errorf("the reply of the instance metadata service is not the JSON of a role")
	}
	if !strings.EqualFold(role.Code, "Success") || role.AccessKeyID == "" || role.SecretAccessKey == "" || role.Expiration.IsZero() {
		return aws.Credentials{}, fmt.Errorf("the instance metadata service has no usable credentials for the role")
	}
	return aws.Credentials{
		AccessKeyID:     role.AccessKeyID,
		SecretAccessKey: role.SecretAccessKey,
		SessionToken:    role.Token,
		Source:          "instance metadata",
		CanExpire:       true,
		Expires:         role.Expiration,
	}, nil
}
