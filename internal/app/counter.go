// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/arvados"
	"github.com/arvados-s3/keepstore/internal/config"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/internal/memo"
)

// counter counts collections as their users see them, and as the system user
// does, who sees all.
type counter struct {
	api        *arvados.Client
	root       creds.Secret
	remembered *memo.Memo[importer.UseCounts]
}

// newCounter returns nil without a system root token.
func newCounter(c *config.Config, api *arvados.Client) importer.Counter {
	if c.SystemRootToken.IsZero() {
		return nil
	}
	return &counter{api, c.SystemRootToken, memo.New[importer.UseCounts](memo.Options{
		Fresh: 10 * time.Second, FreshRefusal: time.Second, Timeout: 30 * time.Second, Most: 1000,
	})}
}

// CountCollections counts for the owner of a token. What they see is counted
// first, so that what comes in between looks hidden, and nothing hidden looks
// as if it were not there.
func (c *counter) CountCollections(ctx context.Context, token creds.Secret, folder string) (importer.UseCounts, error) {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return c.remembered.Get(ctx, string(sum[:])+folder, func(ctx context.Context) (counts importer.UseCounts, ends time.Time, err error) {
		for _, one := range []struct {
			into *int64
			as   creds.Secret
			past bool
		}{
			{&counts.Now.Visible, token, false}, {&counts.Now.All, c.root, false},
			{&counts.Ever.Visible, token, true}, {&counts.Ever.All, c.root, true},
		} {
			*one.into, err = c.api.CountCollections(ctx, one.as, folder, one.past)
			if err != nil && one.as.Equal(c.root) {
				return counts, ends, &arvados.Error{Kind: arvados.Unavailable, Err: err,
					Text: "the API server does not count collections for this server: the operator checks system_root_token_file"}
			}
			if err != nil {
				return counts, ends, err
			}
		}
		return counts, ends, nil
	})
}
