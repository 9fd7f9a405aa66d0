// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import "github.com/arvados-s3/keepstore/sdk/go/collection/source"

// Check tells whether the URL and the path can be used, as the server would. It
// asks nobody, so the object may not exist all the same.
func (s Source) Check() error {
	_, err := source.Parse(source.Name{URL: s.URL, Bucket: s.Bucket, Key: s.Key, Path: s.Path})
	if err != nil {
		return &Error{Kind: BadSource, Text: clipSentence(err.Error()), Err: err}
	}
	return nil
}
