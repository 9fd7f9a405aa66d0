// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"fmt"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/s3read"
)

// importObject imports a single object: one HEAD, asked ahead of its turn, or
// for a time one listing of the versions of its key.
func (j *job) importObject(ctx context.Context, t *target) error {
	rule, err := j.Keychain.Match(t.object.Bucket, t.object.Key)
	if err != nil {
		return err
	}
	g, err := j.grant(ctx, rule)
	if err != nil {
		return err
	}
	info, err := j.describe(ctx, g.Access, t)
	if err != nil {
		return err
	}
	g.checked = true
	return j.add(ctx, rule, info, t.Path)
}

func (j *job) describe(ctx context.Context, a creds.Access, t *target) (s3read.Info, error) {
	if t.AsOf == nil {
		return j.answer(ctx, a, t.object)
	}
	listing := j.Lister.Versions(ctx, a, t.object.Bucket, t.object.Key, "")
	for v, err := range current(listing, t.AsOf) {
		if err != nil {
			return v.Info, err
		}
		if v.Object.Key == t.object.Key && !v.DeleteMarker {
			info, err := j.Describer.Head(ctx, a, v.Object)
			info.Owner = v.Owner
			return info, err
		}
		break // the key itself is listed first
	}
	return s3read.Info{}, &s3read.Error{Kind: s3read.NotFound, Op: "list", Object: t.object,
		Text: fmt.Sprintf("%s did not exist at %s", t.object.URL(), t.AsOf.Format("2006-01-02T15:04:05Z07:00"))}
}

// add writes the line and the manifest entry of one object. Errors that are
// refusals (isRefusal) leave nothing behind.
func (j *job) add(ctx context.Context, rule *creds.Rule, info s3read.Info, file string) error {
	g, err := j.grant(ctx, rule)
	if err != nil {
		return err
	}
	weak, err := pin(&info, rule)
	if err != nil {
		return err
	}
	if err := j.checkReadable(ctx, g, rule, info); err != nil {
		return err
	}
	f, err := j.describeFile(ctx, g, info, file)
	if err != nil {
		return err
	}
	f.WeakPin = weak
	return j.write(f)
}

// write sends the file to the caller and into the manifest.
func (j *job) write(f File) error {
	if j.text.Starts(f.Path) {
		// A line of the manifest ends here anyway; ending it now makes a
		// boundary.
		if err := j.text.Flush(); err != nil {
			return err
		}
	}
	if err := j.boundary(); err != nil {
		return err
	}
	if err := j.text.Add(f.Path, f.Size, f.locators); err != nil {
		return err
	}
	c := &j.state.Counts
	c.Listed++
	c.Files++
	c.Bytes += f.Size
	if f.Archived {
		c.Archived++
	}
	if f.WeakPin {
		c.WeakPins++
	}
	return j.sink.Line(f)
}

// pin makes info.Object name one fixed state, or refuses.
func pin(info *s3read.Info, rule *creds.Rule) (weak bool, err error) {
	if info.Size > pseudoblock.MaxSize {
		return false, &pseudoblock.Error{Kind: pseudoblock.TooLarge, Text: fmt.Sprintf("the object has %d bytes, more than S3 allows", info.Size)}
	}
	o := &info.Object
	if v := o.VersionID; v != "" && v != "null" || o.ETag != "" {
		return o.ETag != "", o.Check()
	}
	if !rule.EtagPin || info.ETag == "" {
		return false, &locator.Error{Kind: locator.Unpinned, Text: fmt.Sprintf(
			"the object has no version, because versioning was off in bucket %s when it was written: enable versioning and write it again, "+
				"or ask the operator for \"unversioned: etag\" in the access rule", o.Bucket)}
	}
	o.VersionID, o.ETag = "", info.ETag
	return true, o.Check()
}

// checkReadable proves with one HEAD of a listed version that its bytes may
// be read at all, so that a missing s3:GetObjectVersion is told before
// anything is saved. One object stands for all under a rule.
func (j *job) checkReadable(ctx context.Context, g *grant, rule *creds.Rule, info s3read.Info) error {
	if g.checked || info.Size == 0 {
		return nil
	}
	if _, err := j.Describer.Head(ctx, g.Access, info.Object); err != nil {
		return err
	}
	g.checked = true
	return nil
}

func (j *job) describeFile(ctx context.Context, g *grant, info s3read.Info, file string) (File, error) {
	f := File{
		Type: "file", Path: file, URL: info.Object.URL(), VersionID: info.Object.VersionID, Size: info.Size,
		ETag: info.ETag, LastModified: info.LastModified.UTC(), StorageClass: info.StorageClass, Archived: info.Archived,
	}
	if f.StorageClass == "" {
		f.StorageClass = "STANDARD"
	}
	if j.owners {
		f.Owner, f.OwnerName = info.Owner.ID, info.Owner.Name
	}
	f.setOutlook(info.Outlook)
	all, err := j.locators(ctx, g.Access, info)
	if err != nil {
		return f, err
	}
	texts := make([]string, len(all))
	for i, l := range all {
		all[i] = j.Signer.Sign(l.WithService(j.ServiceUUID), j.token.Reveal(), j.now().Add(j.Signer.TTL()))
		texts[i] = all[i].String()
	}
	f.locators = all
	f.Locator = strings.Join(texts, " ")
	return f, nil
}

// setOutlook tells what S3 said about how long one object stays.
func (f *File) setOutlook(o *s3read.Outlook) {
	if o == nil {
		return
	}
	f.ExpiresRule, f.LockMode, f.LegalHold = o.ExpiresRule, o.LockMode, o.LegalHold
	if !o.Expires.IsZero() {
		f.Expires = &o.Expires
	}
	if !o.LockedUntil.IsZero() {
		f.LockedUntil = &o.LockedUntil
	}
}

// isRefusal reports whether err concerns one key of a listing only, so that
// the import goes on without it.
func isRefusal(err error) bool {
	switch wordOf(err) {
	case string(locator.Unpinned), string(locator.BadLocator), string(pseudoblock.TooLarge), string(creds.NotAllowed), string(s3read.NotFound), string(s3read.NoBucket), string(s3read.Archived):
		return true
	}
	return false
}
