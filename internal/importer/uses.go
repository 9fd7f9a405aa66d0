// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
)

// Counter counts the collections that record a folder in S3, such as
// "s3://bucket/a/", as one where they have objects.
type Counter interface {
	CountCollections(ctx context.Context, token creds.Secret, folder string) (UseCounts, error)
}

// UseCounts are numbers of collections: Now those that are current and not in
// the trash, Ever also what the API server keeps of the past: the trash, and
// each old version.
type UseCounts struct {
	Now  Count `json:"now"`
	Ever Count `json:"ever"`
}

// Count is how many there are, and how many of them the caller may see.
type Count struct {
	All     int64 `json:"all"`
	Visible int64 `json:"visible"`
}

// FolderUse tells how many collections have objects in a folder.
type FolderUse struct {
	Folder string `json:"folder"`
	UseCounts
}

// Uses is the answer of [Importer.Uses].
type Uses struct {
	URL string `json:"url"`
	// Folders are the folder that was asked for, or in which the object lies,
	// and then, if that is another, the one that the access rule covers.
	Folders []FolderUse `json:"folders"`
}

// maxUses is how many such questions are answered at once, of which one user
// may have a quarter: the API server counts for them as the system user.
const maxUses = 16

// Uses counts the collections that have objects where url points to, those
// that the owner of the token may not see included. Just numbers come out,
// and they are for those who may import what is there: under a personal mode
// those whom S3 lets list it.
func (im *Importer) Uses(ctx context.Context, token creds.Secret, url string) (Uses, error) {
	t, err := newTarget(Source{URL: url})
	if err != nil {
		return Uses{}, badRequest("%s", err)
	}
	caller, err := im.caller(ctx, token)
	if err != nil {
		return Uses{}, err
	}
	leave, ok := im.enter(&im.asking, caller.UserUUID, maxUses)
	if !ok {
		return Uses{}, &Error{Kind: Overloaded, Text: "too many such questions are asked at once: try again in a moment"}
	}
	defer leave()
	u := &counting{job: job{Importer: im, caller: caller, token: token, access: map[*creds.Rule]*grant{}}, bucket: t.object.Bucket}
	folder := t.object.Key[:strings.LastIndexByte(t.object.Key, '/')+1]
	rule, err := u.may(ctx, folder)
	if err != nil {
		return Uses{}, err
	}
	uses := Uses{URL: t.object.URL()}
	if err := u.count(ctx, &uses, folder); err != nil {
		return Uses{}, err
	}
	if rule.Prefix == folder {
		return uses, nil
	}
	if _, err := u.may(ctx, rule.Prefix); refusal(err) != nil {
		return uses, nil // S3 lets them list less than the whole
	} else if err != nil {
		return Uses{}, err
	}
	return uses, u.count(ctx, &uses, rule.Prefix)
}

// counting is one question of one caller.
type counting struct {
	job
	bucket string
}

// may returns the rule for a folder under which the caller may import what is
// there.
func (u *counting) may(ctx context.Context, folder string) (*creds.Rule, error) {
	rule, err := u.Keychain.MatchPrefix(u.bucket, folder)
	if err != nil {
		return nil, err
	}
	g, err := u.grant(ctx, rule)
	if err == nil && rule.Mode.Personal() {
		_, err = u.Lister.Browse(ctx, g.Access, u.bucket, folder, "")
	}
	return rule, err
}

func (u *counting) count(ctx context.Context, into *Uses, folder string) error {
	name := "s3://" + u.bucket + "/" + locator.Escape(folder, true)
	counts, err := u.Counter.CountCollections(ctx, u.token, name)
	into.Folders = append(into.Folders, FolderUse{name, counts})
	return err
}
