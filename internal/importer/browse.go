// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"time"

	"github.com/arvados-s3/keepstore/creds"
)

// Listing is one page of a folder view.
type Listing struct {
	URL     string   `json:"url"`
	Mode    string   `json:"mode"`
	Folders []string `json:"folders"`
	Objects []Entry  `json:"objects"`
	// Cursor asks for the next page; empty at the end.
	Cursor string `json:"cursor,omitempty"`
}

// Entry is one object of a folder view, as it is now and not pinned.
type Entry struct {
	Name         string    `json:"name"`
	URL          string    `json:"url"`
	Size         int64     `json:"size"`
	ETag         string    `json:"etag"`
	LastModified time.Time `json:"last_modified"`
	StorageClass string    `json:"storage_class"`
	Archived     bool      `json:"archived,omitempty"`
}

// Browse returns one page of folders and objects directly under a prefix.
func (im *Importer) Browse(ctx context.Context, token creds.Secret, url, cursor string) (Listing, error) {
	t, err := newTarget(Source{URL: url})
	if err == nil && !t.prefix {
		err = badRequest("browse wants a prefix: end the URL with \"/\"")
	}
	if err != nil {
		return Listing{}, badRequest("%s", err)
	}
	caller, err := im.caller(ctx, token)
	if err != nil {
		return Listing{}, err
	}
	rule, err := im.Keychain.MatchPrefix(t.object.Bucket, t.object.Key)
	if err != nil {
		return Listing{}, err
	}
	j := job{Importer: im, caller: caller, token: token, access: map[*creds.Rule]*grant{}}
	g, err := j.grant(ctx, rule)
	if err != nil {
		return Listing{}, err
	}
	page, err := im.Lister.Browse(ctx, g.Access, t.object.Bucket, t.object.Key, cursor)
	if err != nil {
		return Listing{}, err
	}
	out := Listing{URL: t.object.URL(), Mode: string(rule.Mode), Folders: page.Folders, Cursor: page.Next, Objects: []Entry{}}
	for _, o := range page.Objects {
		out.Objects = append(out.Objects, Entry{
			Name: o.Object.Key[len(t.object.Key):], URL: o.Object.URL(), Size: o.Size, ETag: o.ETag,
			LastModified: o.LastModified.UTC(), StorageClass: o.StorageClass, Archived: o.Archived,
		})
	}
	return out, nil
}

// RuleView is an access rule as its users may see it.
type RuleView struct {
	URL       string `json:"url"`
	Mode      string `json:"mode"`
	MayImport bool   `json:"may_import"`
	// WeakPins says that unversioned buckets are allowed.
	WeakPins bool `json:"weak_pins,omitempty"`
}

// VisibleRules returns the access rules that the caller may use.
func (im *Importer) VisibleRules(ctx context.Context, token creds.Secret) ([]RuleView, error) {
	caller, err := im.caller(ctx, token)
	if err != nil {
		return nil, err
	}
	views := []RuleView{}
	for _, rule := range im.Rules {
		ok, err := im.mayImport(ctx, rule, &caller, token)
		if err != nil {
			return nil, err
		}
		if ok {
			views = append(views, RuleView{URL: rule.URL(), Mode: string(rule.Mode), MayImport: ok, WeakPins: rule.EtagPin})
		}
	}
	return views, nil
}
