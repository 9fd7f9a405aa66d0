// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"errors"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection/source"
)

// target is a checked source.
type target struct {
	Source
	object locator.Object
	// prefix says that the key is a prefix, to be listed.
	prefix bool
	filter filter
}

// newTarget checks a source on its own.
func newTarget(s Source) (target, error) { return targetOf(s, &programs{}) }

// targetOf checks a source of a request, whose regular expressions are known.
// Path of the target is where its files go.
func targetOf(s Source, known *programs) (target, error) {
	t := target{Source: s}
	p, err := source.Parse(source.Name{URL: s.URL, Bucket: s.Bucket, Key: s.Key, Path: s.Path})
	if err != nil {
		return t, err
	}
	t.object, t.prefix, t.Path = p.Object, p.Prefix, p.Path
	if err := t.checkOptions(); err != nil {
		return t, err
	}
	t.filter, err = newFilter(s, known)
	return t, err
}

func (t *target) place() source.Place {
	return source.Place{Object: t.object, Prefix: t.prefix, Path: t.Path}
}

func (t *target) checkOptions() error {
	if !t.prefix && len(t.Include)+len(t.Exclude)+len(t.IncludeRegexp)+len(t.ExcludeRegexp) > 0 {
		return errors.New("include and exclude go with a prefix, which ends in \"/\"")
	}
	if !t.prefix && t.object.VersionID != "" && t.AsOf != nil {
		return errors.New("give either a versionId or as_of")
	}
	return nil
}
