// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package arvados

import (
	"context"
	"errors"
	"time"

	"github.com/arvados-s3/keepstore/creds"
)

// Discovery is what matters here of an API server's discovery document.
type Discovery struct {
	// ClusterID is the five-character prefix of its UUIDs.
	ClusterID string
	// PseudoBlocks is true for an API server that knows pseudo-blocks.
	PseudoBlocks bool
	// BlobSignatureTTL is the life of permission signatures.
	BlobSignatureTTL time.Duration
}

// Discovery returns the discovery document, remembered as the rest. It needs
// no token.
func (c *Client) Discovery(ctx context.Context) (Discovery, error) {
	return c.discovery.get(ctx, "", func(ctx context.Context) (Discovery, time.Time, error) {
		d, err := c.askDiscovery(ctx)
		return d, time.Time{}, err
	})
}

func (c *Client) askDiscovery(ctx context.Context) (Discovery, error) {
	var reply struct {
		Kind             string `json:"kind"`
		UUIDPrefix       string `json:"uuidPrefix"`
		PseudoBlocks     bool   `json:"pseudoBlocks"`
		BlobSignatureTTL int64  `json:"blobSignatureTtl"`
	}
	if err := c.get(ctx, creds.Secret{}, "/discovery/v1/apis/arvados/v1/rest", nil, &reply); err != nil {
		return Discovery{}, err
	}
	if reply.Kind != "discovery#restDescription" {
		return Discovery{}, unavailable(errors.New("the API server's reply is not a discovery document"))
	}
	return Discovery{
		ClusterID:        reply.UUIDPrefix,
		PseudoBlocks:     reply.PseudoBlocks,
		BlobSignatureTTL: time.Duration(reply.BlobSignatureTTL) * time.Second,
	}, nil
}
