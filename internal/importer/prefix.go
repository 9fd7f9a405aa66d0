// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/s3read"
	"github.com/arvados-s3/keepstore/sdk/go/collection/source"
)

// importPrefix lists a prefix and imports what it finds.
func (j *job) importPrefix(ctx context.Context, t *target) error {
	rule, err := j.Keychain.MatchPrefix(t.object.Bucket, t.object.Key)
	if err != nil {
		return err
	}
	g, err := j.grant(ctx, rule)
	if err != nil {
		return err
	}
	resumed := j.state.After != ""
	listing := j.Lister.Versions(ctx, g.Access, t.object.Bucket, t.object.Key, j.state.After)
	found := false
	for v, err := range j.readAhead(ctx, t, rule, current(listing, t.AsOf)) {
		if err != nil {
			return err
		}
		if err := j.entry(ctx, t, rule, v); err != nil {
			return err
		}
		j.sink.note(j.progress())
		found = true
		if j.adrift = v.Undecodable; !j.adrift {
			j.state.After = v.Object.Key
		}
	}
	if !found && !resumed {
		text := fmt.Sprintf("there is nothing under %s: check the spelling", t.object.URL())
		if t.AsOf != nil {
			text = fmt.Sprintf("there was nothing under %s at %s: check the spelling and the time", t.object.URL(), t.AsOf.UTC().Format(time.RFC3339))
		}
		return &s3read.Error{Kind: s3read.NotFound, Op: "list", Object: t.object, Text: text}
	}
	return j.checkVersioning(t)
}

// checkVersioning refuses an import that pinned nothing because the bucket
// keeps no versions: a "done" line with no files would look like success.
func (j *job) checkVersioning(t *target) error {
	if j.state.Counts.Files > 0 || len(j.targets) > 1 || j.state.SkippedBy[string(locator.Unpinned)] == 0 {
		return nil
	}
	return &locator.Error{Kind: locator.Unpinned, Text: fmt.Sprintf(
		"no object under %s has a version, so nothing was imported: enable versioning in bucket %s and write the objects again, "+
			"or ask the operator for \"unversioned: etag\" in the access rule", t.object.URL(), t.object.Bucket)}
}

// entry imports or skips one listed key.
func (j *job) entry(ctx context.Context, t *target, listed *creds.Rule, v s3read.Version) error {
	if _, err := j.grant(ctx, listed); err != nil { // not any more
		return err
	}
	rule, hidden, err := j.keyRule(ctx, listed, v)
	switch {
	case err != nil:
		return err
	case hidden != "":
		j.state.Counts.Listed++
		return j.skipHidden(rule, hidden)
	}
	rel := strings.TrimPrefix(v.Object.Key, t.object.Key)
	file := path.Join(t.Path, rel)
	reason, text := j.whyNot(t, v, rel)
	switch {
	case reason != "":
	case j.state.Clashes.meets(v.Object.Key) || j.singles.Meets(file):
		reason, text = reasonClash, "this path, or a folder of it, is a file already: give one of them another path"
	case rule != nil && rule.Endpoint != listed.Endpoint:
		reason, text = reasonEndpoint, "another access rule puts this key at another endpoint: import it on its own"
	}
	if reason != "" {
		j.state.Counts.Listed++
		return j.skip(v.Object, reason, text)
	}
	if rule == nil {
		_, err = j.Keychain.Match(v.Object.Bucket, v.Object.Key)
	} else {
		err = j.add(ctx, rule, v.Info, file)
	}
	return j.addOrSkip(v.Info.Object, err)
}

// keyRule returns the rule of a listed key, or nil when none covers it. The
// key is hidden, with a reason, when that is another rule than the one of the
// listing, under which the caller may not import, or which goes by rights of
// the caller's own: then its name was listed with rights that say nothing
// about whether it is theirs to know.
func (j *job) keyRule(ctx context.Context, listed *creds.Rule, v s3read.Version) (rule *creds.Rule, hidden string, err error) {
	o := v.Object
	if rule, err = j.Keychain.Match(o.Bucket, o.Key); err == nil {
		hidden, err = j.isHidden(ctx, listed, rule)
		return rule, hidden, err
	}
	// An odd key, which no rule covers, is hidden as others are beside it.
	near, err := j.Keychain.MatchPrefix(o.Bucket, plainFolder(o.Key))
	if err != nil {
		return nil, "", nil // told below, with the other reasons
	}
	hidden, err = j.isHidden(ctx, listed, near)
	if hidden == "" {
		near = nil
	}
	return near, hidden, err
}

// isHidden returns the reason why keys under rule are not named, if there is one.
func (j *job) isHidden(ctx context.Context, listed, rule *creds.Rule) (reason string, err error) {
	switch {
	case rule == listed:
		return "", nil
	case rule.Mode.Personal() && !sameRights(rule, listed):
		return reasonRights, nil
	}
	_, err = j.grant(ctx, rule)
	if denied := (*creds.Error)(nil); errors.As(err, &denied) && denied.Kind == creds.NotAllowed {
		return string(creds.NotAllowed), nil
	}
	return "", err
}

// plainFolder returns the folder of a key up to its first empty, "." or ".."
// segment.
func plainFolder(key string) string {
	end := 0
	for segment := range strings.SplitAfterSeq(key, "/") {
		if segment == "/" || segment == "./" || segment == "../" || !strings.HasSuffix(segment, "/") {
			break
		}
		end += len(segment)
	}
	return key[:end]
}

// sameRights reports whether two rules of one bucket give a caller the same
// rights.
func sameRights(a, b *creds.Rule) bool {
	return a.Mode == b.Mode && a.Role == b.Role && a.Endpoint == b.Endpoint
}

// skipHidden counts a hidden key, and tells once for each rule that there are
// some.
func (j *job) skipHidden(rule *creds.Rule, reason string) error {
	if j.hidden[rule] {
		j.state.Counts.Skipped++
		j.state.SkippedBy[reason]++
		return nil
	}
	j.hidden[rule] = true
	text := "keys under " + rule.URL() + " are left out and not named: that access rule "
	if reason == reasonRights {
		text += "goes by S3 rights of your own, which did not make this listing: import that prefix as a source of its own, with a path"
	} else {
		text += "does not let you import, ask the operator to name you in it"
	}
	return j.skip(locator.Object{Bucket: rule.Bucket, Key: rule.Prefix}, reason, text)
}

// addOrSkip turns a refusal of one key of a listing into a skipped line.
func (j *job) addOrSkip(o locator.Object, err error) error {
	switch {
	case err == nil:
		j.state.Clashes.add(o.Key)
		return nil
	case isRefusal(err):
		j.state.Counts.Listed++
		return j.skip(o, wordOf(err), err.Error())
	}
	return err
}

// whyNot returns the reason to skip a listed key that lies in the key itself.
func (j *job) whyNot(t *target, v s3read.Version, rel string) (reason, text string) {
	switch {
	case v.Undecodable:
		return reasonUndecodable, "the listing of this S3 server cannot show the key exactly: import it by its URL"
	case !t.filter.wants(rel):
		return reasonExcluded, ""
	case rel == "" || strings.HasSuffix(rel, "/"):
		if v.Size == 0 && (rel == "" || source.IsPath(strings.TrimSuffix(rel, "/"))) {
			return reasonPlaceholder, "the key ends in \"/\" and holds no bytes: it stands for a folder"
		}
		return reasonBadName, "the key ends in \"/\" and cannot be a file: import this URL, with its versionId, and a path"
	case !source.IsPath(rel) || strings.ContainsRune(rel, 0):
		return reasonBadName, "the key has an empty, \".\" or \"..\" segment and cannot be a path: import it by its URL with a path"
	case v.DeleteMarker:
		return reasonDeleted, "the object was deleted at " + v.LastModified.UTC().Format("2006-01-02T15:04:05Z") + " (delete marker " + v.Object.VersionID + ")"
	}
	return "", ""
}
