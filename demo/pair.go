// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// site is an S3 server with a bucket in it. What Ann and Bob may do there
// only the server knows.
type site struct {
	endpoint, url string
	*bucket
	witness
	// ann and bob are what the server calls them: their access keys there,
	// or the subject of the tokens that name them.
	ann, bob string
}

// pair are two sites, at two S3 servers. Both Ann and Bob may read the first,
// and only Ann the second.
type pair struct {
	mode           string
	first, second  *site
	annKey, bobKey [2]keyPair // under mode token, for each site
	// shared is the collection over both that Ann made, and signed are its
	// blocks, by site, as she can read them.
	shared collection
	signed [2][]signed
}

// signed is the locator of a block, and what was uploaded there.
type signed struct {
	text   string
	object *object
}

// folder is what Ann imports.
func (s *site) folder() string { return "s3://" + s.name + "/" + runFolder }

// objectURL is the URL of one of its objects.
func (s *site) objectURL(n int) string { return "s3://" + s.name + "/" + s.objects[n].key }

func (p *pair) sites() []*site { return []*site{p.first, p.second} }

// files is how many files the collection has.
func (p *pair) files() int { return len(p.first.objects) + len(p.second.objects) }

func (p *pair) seed(ctx context.Context) error {
	for _, s := range p.sites() {
		if err := s.seed(ctx); err != nil {
			return err
		}
	}
	return nil
}

// locators returns the blocks of a manifest, by site.
func (p *pair) locators(manifest string) (all [2][]signed, err error) {
	for word := range strings.FieldsSeq(manifest) {
		l, err := locator.Parse(word)
		if err != nil {
			continue // the name of a stream or of a file
		}
		block, err := pseudoblock.FromLocator(l)
		if err != nil {
			return all, err
		}
		for i, site := range p.sites() {
			for _, o := range site.objects {
				if at := block.Extents[0].Object; at.Bucket == site.name && at.Key == o.key {
					all[i] = append(all[i], signed{word, o})
				}
			}
		}
	}
	if len(all[0]) != len(p.first.objects) || len(all[1]) != len(p.second.objects) {
		return all, fmt.Errorf("the collection has blocks of %d and %d objects, and not of %d", len(all[0]), len(all[1]), p.files())
	}
	return all, nil
}

// newKeyPair returns the sites at the gateways, where Ann and Bob have keys,
// and bucket policies say who may read.
func newKeyPair(first, second *gateway) *pair {
	site := func(g *gateway, endpoint, name, about string, readers ...string) *site {
		b := newBucket(g.url, g.Owner, name, runs(about), readers...)
		return &site{endpoint: endpoint, url: g.url, bucket: b, witness: witness{b, g.visits}, ann: g.Ann.Access, bob: g.Bob.Access}
	}
	return &pair{
		mode:   "token",
		first:  site(first, firstName, "lab-data", "sample", first.Ann.Access, first.Bob.Access),
		second: site(second, partnerName, "partner-data", "control", second.Ann.Access),
		annKey: [2]keyPair{first.Ann, second.Ann},
		bobKey: [2]keyPair{first.Bob, second.Bob},
	}
}

// runFolder is what Ann imports of each site.
const runFolder = "run-7/"

// runs returns a few small objects.
func runs(about string) []*object {
	var all []*object
	for n := range 3 {
		key := fmt.Sprintf("%s%s-%d.txt", runFolder, about, n+1)
		all = append(all, newObject(key, text(key, 4+n)))
	}
	return all
}
