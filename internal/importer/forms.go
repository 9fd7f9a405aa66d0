// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// locators returns the unsigned locators of an object in order.
func (j *job) locators(ctx context.Context, a creds.Access, info s3read.Info) ([]locator.Locator, error) {
	switch {
	case info.Size == 0:
		l, err := locator.Parse(locator.Empty)
		return []locator.Locator{l}, err
	case j.form == pseudoblock.Content:
		return j.contentLocators(ctx, a, info)
	}
	var all []locator.Locator
	for e := range pseudoblock.Split(info.Object, info.Size, pseudoblock.Cut) {
		l, err := e.Locator(j.form)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

func (j *job) contentLocators(ctx context.Context, a creds.Access, info s3read.Info) ([]locator.Locator, error) {
	parts, err := j.contentHashes(ctx, a, info)
	if err != nil {
		return nil, err
	}
	var all []locator.Locator
	for e := range pseudoblock.Split(info.Object, info.Size, pseudoblock.MaxContent) {
		l, err := pseudoblock.ContentLocator(parts[len(all)], e)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}
