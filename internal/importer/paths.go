// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"strings"

	"github.com/arvados-s3/keepstore/sdk/go/collection/source"
)

// checkPaths refuses requests in which two sources would write to one path,
// as far as that can be known before listing.
func (p *plan) checkPaths() error {
	places := make([]source.Place, len(p.targets))
	for i, t := range p.targets {
		places[i] = t.place()
	}
	var err error
	if p.singles, err = source.Check(places); err != nil {
		return badRequest("%s", err)
	}
	return nil
}

// clashes finds keys that are both a file and a folder. Keys come in order,
// so all keys that begin with an earlier key follow it directly; a stack of
// the files that the present key begins with is enough, and never longer than
// a key.
type clashes []string

// meets takes the next key in order and reports whether it, or a folder of
// its path, is an imported file already.
func (c *clashes) meets(key string) bool {
	for n := len(*c); n > 0 && !strings.HasPrefix(key, (*c)[n-1]); n = len(*c) {
		*c = (*c)[:n-1]
	}
	for _, file := range *c {
		if len(key) == len(file) || key[len(file)] == '/' {
			return true
		}
	}
	return false
}

// add remembers an imported key, after meets has said no for it.
func (c *clashes) add(key string) { *c = append(*c, key) }
