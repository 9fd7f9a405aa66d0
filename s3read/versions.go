// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package s3read

import (
	"context"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
)

// Version is one entry of a listing.
type Version struct {
	Info
	// Latest says that it is the current version of its key.
	Latest bool
	// DeleteMarker says that it is no data but the mark of a deletion.
	DeleteMarker bool
	// Undecodable says that the listing did not carry the key faithfully (it
	// holds U+FFFD, or is not encoded as announced), so that the object
	// cannot be named.
	Undecodable bool
}

// Versions yields all versions and delete markers of the keys that begin with
// prefix and are greater than after, in the order of their keys, and ends after
// the first error. Within a key the order is the server's: use Latest and
// LastModified. The next page is fetched while the caller works on this one,
// so two pages are in memory.
func (r *Reader) Versions(ctx context.Context, access creds.Access, bucket, prefix, after string) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		w := &walk{reader: r, access: access, bucket: bucket, prefix: prefix, after: after, key: after}
		next := w.fetch(ctx)
		defer func() {
			cancel()
			if next != nil {
				<-next
			}
		}()
		for next != nil {
			got := <-next
			next = nil
			versions, err := w.advance(got)
			if err == nil && got.page.truncated {
				next = w.fetch(ctx)
			}
			for _, v := range versions {
				if !yield(v, nil) {
					return
				}
			}
			if err != nil {
				yield(Version{}, err)
			}
		}
	}
}

type fetched struct {
	page *page
	err  error
}

// walk is the state of one listing between pages.
type walk struct {
	reader                *Reader
	access                creds.Access
	bucket, prefix, after string
	// key and version are the markers of the next page.
	key, version string
	// last is the greatest key so far, and seen its versions, to drop
	// entries that the next page repeats.
	last string
	seen map[string]bool
}

// fetch gets the next page in the background. The channel gives one result.
func (w *walk) fetch(ctx context.Context) chan fetched {
	query := url.Values{"versions": {""}, "encoding-type": {"url"}, "max-keys": {"1000"}}
	for name, value := range map[string]string{"prefix": w.prefix, "key-marker": w.key, "version-id-marker": w.version} {
		if value != "" {
			query.Set(name, value)
		}
	}
	c := make(chan fetched, 1)
	go func() {
		p, err := w.reader.page(ctx, w.access, w.bucket, w.prefix, query)
		c <- fetched{p, err}
	}()
	return c
}

// advance takes a page: it returns the entries that are new and sets the
// markers of the next page. The rules fit what MinIO, versitygw, Ceph and AWS
// do, each of which differs from the others:
//
//   - MinIO's marker is the key followed by state of its own, and must be sent
//     back whole;
//   - Ceph encodes keys but not the marker, so a decoded marker may be wrong;
//   - versitygw starts a page with the entries of the marker's key again;
//   - some servers give no marker at all.
func (w *walk) advance(got fetched) ([]Version, error) {
	if got.err != nil {
		return nil, got.err
	}
	p, last := got.page, w.last
	p.sort()
	fresh, moved := p.versions[:0], false
	for _, v := range p.versions {
		if !v.Undecodable && !strings.HasPrefix(v.Object.Key, w.prefix) {
			return nil, w.bad("it lists a key that does not begin with the prefix asked for")
		}
		switch {
		case v.Object.Key < last && !v.Undecodable:
			return nil, w.bad("the listing is not in the order of keys")
		case v.Object.Key <= w.after && !v.Undecodable:
			moved = true
		case v.Object.Key == w.last && w.seen[v.Object.VersionID]:
		default:
			fresh = append(fresh, v)
			moved = moved || v.Object.Key >= last
			w.note(v)
		}
	}
	key, version := w.key, w.version
	w.key, w.version = p.keyMarker(max(w.last, w.after)), p.nextVersion
	if p.truncated && (!moved || w.key == key && w.version == version) {
		return fresh, w.bad("the listing does not advance")
	}
	return fresh, nil
}

// maxSeen bounds the memory for a key with very many versions.
const maxSeen = 100_000

// note remembers an entry if it has the greatest key. A key that is not what
// it seems must not become a marker.
func (w *walk) note(v Version) {
	o := v.Object
	if o.Key < w.last || v.Undecodable {
		return
	}
	if o.Key > w.last || w.seen == nil || len(w.seen) >= maxSeen {
		w.last, w.seen = o.Key, make(map[string]bool, 1)
	}
	w.seen[o.VersionID] = true
}

// sort puts the entries in the order of keys: versitygw lists all delete
// markers of a page before all versions.
func (p *page) sort() {
	byKey := func(a, b Version) int { return strings.Compare(a.Object.Key, b.Object.Key) }
	if !slices.IsSortedFunc(p.versions, byKey) {
		slices.SortStableFunc(p.versions, byKey)
	}
}

// keyMarker chooses the next key marker, given the greatest key of the page.
func (p *page) keyMarker(last string) string {
	if p.nextKey == last {
		return last
	}
	if decoded, ok := p.decode(p.nextKey); ok && strings.HasPrefix(decoded, last) {
		return decoded
	}
	return last
}

func (w *walk) bad(why string) error {
	a := &attempt{operation: &operation{client: &client{endpoint: w.access.Endpoint},
		call: call{op: "list", object: locator.Object{Bucket: w.bucket, Key: w.prefix}}}}
	return a.bad(why)
}
